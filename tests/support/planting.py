# SPDX-License-Identifier: BSD-3-Clause
"""Bugs planted in copies of the stack's files, so that tests can show that they find them. The stack itself carries no
hook: in a copy each plant is chosen at run time by PLX_PLANT, its number (plant.c).

A plant has `file` and `edits`, pairs of what stands there and what shall stand there, PLANT standing for "it lives". One
whose place is gone (the code there was changed) fails its test: give it a new place, or the rule a new bug."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = "extern int sim_plant;\nstatic inline int sim_planted(int n) { return sim_plant == n; }\n"


def number(plants, plant):
    return plants.index(plant) + 1


def files(plants):
    return sorted({p.file for p in plants})


def planted(plants, path):
    """The text with its plants, and those whose place is gone."""
    with open(os.path.join(ROOT, path)) as f:
        text = f.read()
    gone = []
    for p in (p for p in plants if p.file == path):
        if any(text.count(old) != 1 for old, _ in p.edits):
            gone.append(p)
            continue
        for old, new in p.edits:
            text = text.replace(old, new.replace("PLANT", f"sim_planted({number(plants, p)})"))
    return text, gone


def place_is_gone(plants, plant):
    return plant in planted(plants, plant.file)[1]


def copy(plants, path, out):
    with open(out, "w") as f:
        f.write(HEAD + planted(plants, path)[0])


def report(verdict, wanted, first=1):
    """A line for each of them, numbered from `first`: verdict(plant) is (found?, text). How many were not."""
    failed = 0
    for i, p in enumerate(wanted, first):
        ok, text = verdict(p)
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {i} - {text}", flush=True)
    return failed


def environment(plant):
    return {**os.environ, "PLX_PLANT": str(plant)}
