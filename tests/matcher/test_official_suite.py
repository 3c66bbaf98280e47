"""The committed verdicts on the official JSON Schema test suite are those of the masks as they are now."""

import pytest

from tests.oracles import official_suite


@pytest.fixture(scope="module")
def suite(shared_data):
    pytest.importorskip("referencing", reason="the suite's remote schemas come in a referencing.Registry")
    folder = shared_data / "json-schema-test-suite"
    if not folder.is_dir():
        pytest.skip("../shared/data has no json-schema-test-suite")
    return folder


@pytest.mark.parametrize(("folder", "draft"), official_suite.DRAFTS.items())
def test_the_committed_verdicts_are_those_of_now(suite, folder, draft):
    committed = official_suite.PAGE.read_text(encoding="utf-8")
    assert official_suite.section(draft, list(official_suite.Suite(suite, folder).verdicts())) in committed


def test_a_wrong_verdict_is_counted_and_named_with_its_reason():
    verdicts = [
        official_suite.Verdict("enum", "two: a", "right"),
        official_suite.Verdict("enum", "two: b", "too loose"),
        official_suite.Verdict("format", "x: y", "refused", "not regular"),
    ]
    text = official_suite.section("7", verdicts)
    assert "| enum | 1 | 1 |  |  |" in text
    assert "| **all** | 1 | 1 |  | 1 |" in text
    assert text.endswith("- `enum`, two: b: too loose\n- `format`, x: y: refused. not regular")
