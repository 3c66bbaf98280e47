"""A session goes to a file and comes back as it was; a damaged file is refused."""

from __future__ import annotations

import datetime
import json
import random
import zipfile

import pytest

import guided

OTHER = guided.Vocabulary([bytes([byte]) for byte in range(256)] + [None], eos_ids={256})


@pytest.fixture
def session(model):
    session = model.session()
    session.text("A long introduction that nobody wants to read twice. Name: ")
    session.gen("name", regex="[A-Z][a-z]{2,8}", temperature=1.0, logprobs=True)
    session.text("\nWeapon: ")
    session.select("weapon", ["sword", "axe"])
    session.text("\nAge: ")
    return session


def goes_on(session):
    age = session.gen("age", type=int, max_tokens=5)
    session.text(" Motto:")
    return age, session.gen("motto", regex="[a-z ]{5,20}", temperature=1.2), str(session)


@pytest.mark.parametrize("with_cache", [True, False])
def test_a_restored_session_is_the_one_that_was_saved(model, session, tmp_path, with_cache):
    path = tmp_path / "run.session"
    session.save(path, with_cache=with_cache)
    other = model.restore(path)
    assert (str(other), other.captures) == (str(session), session.captures)
    assert other.pieces == session.pieces
    assert other.logprob("name") == session.logprob("name")
    assert other.distribution("weapon") == session.distribution("weapon")
    assert goes_on(other) == goes_on(session)


def test_a_restored_cache_is_not_computed_again(session, tmp_path):
    session.save(tmp_path / "a")
    session.save(tmp_path / "b", with_cache=False)
    expected = goes_on(session)
    for with_cache in (True, False):
        with guided.load_model() as fresh:
            other = fresh.restore(tmp_path / ("a" if with_cache else "b"))
            before = fresh.stats
            assert goes_on(other) == expected
            used = fresh.stats_since(before)
            num_tokens = len(fresh.vocab.encode(str(session).encode()))
            assert (used.tokens_computed < num_tokens - 20) is with_cache


def test_a_restored_session_is_its_tenants_alone(model, session, tmp_path):
    session.save(tmp_path / "s")
    tenant = model.tenant("restoring")
    restored = tenant.restore(tmp_path / "s")
    before = model.stats
    goes_on(restored)
    assert model.stats_since(before).tokens_reused > 10
    assert model.tenant("another").generate("A long introduction that", max_tokens=2).stats.tokens_reused == 0


def test_a_damaged_file_is_refused_whatever_the_damage(model, session, tmp_path):
    path, broken = tmp_path / "good", tmp_path / "broken"
    session.save(path)
    data = path.read_bytes()
    rng, num_refused = random.Random(1), 0
    for trial in range(60):
        bad = bytearray(data)
        if trial % 3 == 0:
            del bad[rng.randrange(len(bad)) :]
        elif trial % 3 == 1:
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        else:
            at = rng.randrange(len(bad))
            bad[at : at + 50] = rng.randbytes(50)
        broken.write_bytes(bad)
        try:
            other = model.restore(broken)
        except guided.InputError:
            num_refused += 1
        else:  # what the damage has hit says nothing: dates of the archive
            assert str(other) == str(session)
            assert other.captures == session.captures
    assert num_refused > 40
    with pytest.raises(guided.InputError, match="no such session"):
        model.restore(tmp_path / "none")
    with pytest.raises(guided.InputError, match="no session"):
        model.restore(tmp_path)


def test_arrays_of_another_model_are_left_aside(model, session, tmp_path, monkeypatch):
    session.save(tmp_path / "s")
    with guided.load_model() as other:
        weights = other.engine._model
        monkeypatch.setattr(weights, "_embedding", weights._embedding * 1.001)
        before = other.stats
        restored = other.restore(tmp_path / "s")
        restored.gen("age", type=int, max_tokens=5)
        assert other.stats_since(before).tokens_reused == 0


def test_what_cannot_be_saved_says_so(model, session, tmp_path):
    with session.beam(n=2):
        session.gen("x", regex="[a-z]{2}")
        with pytest.raises(guided.GenerationError, match="inside a role or a beam"):
            session.save(tmp_path / "s")
    other = model.session()
    other.text("On ")
    other.gen("day", type=datetime.date)
    with pytest.raises(guided.InputError, match="'day' is a date"):
        other.save(tmp_path / "s")
    assert not list(tmp_path.iterdir())


def test_another_vocabulary_is_refused(model, session, tmp_path, monkeypatch):
    session.save(tmp_path / "s")
    monkeypatch.setattr(model.engine, "vocab", OTHER)
    with pytest.raises(guided.InputError, match="another vocabulary"):
        model.restore(tmp_path / "s")


def test_a_file_of_a_later_version_is_refused(model, session, tmp_path):
    from guided.program import session_file

    session.save(tmp_path / "s", with_cache=False)
    with zipfile.ZipFile(tmp_path / "s") as archive:
        document = json.loads(archive.read("session.json"))
    parts = {"session.json": json.dumps({**document, "guided_session": 2}).encode()}
    with zipfile.ZipFile(tmp_path / "t", "w") as archive:
        archive.writestr("session.json", parts["session.json"])
        archive.writestr("sha256", session_file._digest(parts))
    with pytest.raises(guided.InputError, match="version is 2"):
        model.restore(tmp_path / "t")


@pytest.mark.slow
def test_transformers_models_restore_their_cache_too(tmp_path):
    pytest.importorskip("torch", reason="pip install 'guided[transformers]'")
    from guided_backends.builtin import shipped_model

    path = str(shipped_model())
    with guided.load_model(path, backend="transformers") as model:
        session = model.session()
        session.text("A long introduction that nobody wants to read twice. Name: ")
        session.gen("name", regex="[A-Z][a-z]{2,8}")
        session.text("\nAge: ")
        session.save(tmp_path / "s")
        expected = session.gen("age", type=int, max_tokens=4)
    with guided.load_model(path, backend="transformers") as fresh:
        restored = fresh.restore(tmp_path / "s")
        assert restored.gen("age", type=int, max_tokens=4) == expected
        assert fresh.stats.tokens_reused > 15
