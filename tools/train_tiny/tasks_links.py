"""Links and file paths: a name given in the text is copied into an address.

`://` always stands in these texts as a whole, so a model never sees a lone `:` before `//`: it is the case that
token healing is for.
"""

from __future__ import annotations

from random import Random

from tools.train_tiny import values, words
from tools.train_tiny.examples import Example, Segment
from tools.train_tiny.words import Split, pick


def _site(rng: Random, split: Split) -> str:
    kind = rng.random()
    if kind < 0.6:
        return values.open_word(rng, split) if rng.random() < 0.5 else values.invented(rng, split, 2)
    return values.random_letters(rng, 3, 8) if kind < 0.75 else pick(rng, words.THINGS, split)


# `|` parts what is given from what the model writes.
SITE_FORMS = (
    'The link to the {s} page is <a href="|http://www.{s}.com/">the {s} page</a>.\n',
    'The link to the {s} page is <a href="|http://www.{s}.com/">the {s} page</a>.\n',
    'The home page of {s} is <a href="|http://www.{s}.com/">{s}</a>.\n',
    'Here is a link to {s}: <a href="|http://www.{s}.com/">{s}</a>.\n',
    "The web site of {s} is at| http://www.{s}.com/\n",
    "Visit {s} at| https://www.{s}.com/ for more.\n",
)
PAGE_FORMS = (
    'Read the {p} page of {s}.{t}: <a href="|https://{s}.{t}/{p}">{p}</a>\n',
    'Link to {p} on {s}.{t}: <a href="|https://{s}.{t}/{p}">{p}</a>\n',
    "Open the {p} page of {s}.{t} at| https://{s}.{t}/{p}.html\n",
    '<p>See {p} at {s}.{t}: <a href="|http://www.{s}.{t}/{p}">{p}</a></p>\n',
)
PATH_FORMS = (
    "The file {f}.{e} in the {d} folder of {u} is| /home/{u}/{d}/{f}.{e}\n",
    "{u} keeps {f}.{e} in {d}. Path:| /home/{u}/{d}/{f}.{e}\n",
    "Copy {f}.{e} to the {d} folder:| cp {f}.{e} {d}/{f}.{e}\n",
    "The URL of {f}.{e} in the {d} folder of {u} is| file:///home/{u}/{d}/{f}.{e}\n",
)


def link(rng: Random, split: Split) -> Example:
    """A sentence with an address or a path."""
    form = rng.choice(rng.choices((SITE_FORMS, PAGE_FORMS, PATH_FORMS), (5, 3, 2))[0])
    text = form.format(
        s=_site(rng, split),
        t=rng.choice(words.TLDS),
        p=_site(rng, split),
        f=_site(rng, split),
        e=rng.choice(words.EXTENSIONS),
        d=rng.choice(words.DIRECTORIES),
        u=values.invented(rng, split, 2),
    )
    given, written = text.split("|")
    return Example("links", (Segment(given, False), Segment(written, True)), {"text": written.strip()})
