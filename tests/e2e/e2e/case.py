# SPDX-License-Identifier: BSD-3-Clause
"""The list of cases. A case is a function that takes a World and raises when something is wrong."""

from dataclasses import dataclass
from typing import Callable

CASES = {}


class Skip(Exception):
    """This machine cannot do it; the reason is shown."""


class Failure(AssertionError):
    """What was expected, and what came instead."""


@dataclass
class Case:
    name: str
    run: Callable
    timeout: float  # seconds
    alone: bool  # nothing may run beside it: it measures time or changes the machine
    about: str


def case(name, timeout=60, alone=False, **arguments):
    """Registers the function under a name, with arguments that it is called with. May be stacked."""

    def register(function):
        if name in CASES:
            raise ValueError(f"two cases are called {name}")
        about = (function.__doc__ or "").strip().split("\n")[0]
        CASES[name] = Case(name, lambda world: function(world, **arguments), timeout, alone, about)
        return function

    return register


def check(condition, text):
    if not condition:
        raise Failure(text)
