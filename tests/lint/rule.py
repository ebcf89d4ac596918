# SPDX-License-Identifier: BSD-3-Clause
"""What a rule is: a check over the tree, together with what it must find and what it must let pass."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    name: str
    about: str
    check: object  # Tree -> findings
    plants: tuple  # each a small tree {path: text} in which the rule must find something
    clean: dict    # and one in which it must find nothing
    needs: str     # "", "objects" or "binaries": what must have been built
    prepare: object  # builds that in a planted tree: (root, sources of the tree) -> None


RULES = []


def rule(name, about, plant, clean, more=(), needs="", prepare=None):
    def register(check):
        RULES.append(Rule(name, about, lambda tree: list(check(tree)), (plant, *more), clean, needs,
                          prepare))
        return check

    return register
