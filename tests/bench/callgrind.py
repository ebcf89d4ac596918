# SPDX-License-Identifier: BSD-3-Clause
"""Reads what callgrind wrote: instructions in all, less what a set of functions and all they call took."""

import re
from collections import Counter

NAME = re.compile(r"\((\d+)\)(?: (.*))?$")
COST = re.compile(r"[-+*\d]\S* (\d+)$")


class Profile:
    """self[function] and calls[(caller, callee)], in instructions; a call's cost is inclusive."""

    def __init__(self, path):
        self.own, self.calls = Counter(), Counter()
        names, function, callee, is_call = {}, None, None, False
        for line in open(path, errors="replace"):
            line = line.rstrip("\n")
            if line.startswith(("fn=", "cfn=")):
                kind, value = line.split("=", 1)
                number, name = NAME.match(value).groups()
                if name is not None:
                    names[number] = name
                if kind == "fn":
                    function = names[number]
                else:
                    callee = names[number]
            elif line.startswith("calls="):
                is_call = True
            elif match := COST.match(line):
                if is_call:
                    self.calls[(function, callee)] += int(match.group(1))
                    is_call = False
                else:
                    self.own[function] += int(match.group(1))

    def total(self):
        return sum(self.own.values())

    def inclusive(self, pattern):
        """What functions whose name matches took, with all they call, each instruction once: calls
        from one of them to another are inside already."""
        wanted = re.compile(pattern)
        return sum(cost for (caller, callee), cost in self.calls.items()
                   if wanted.match(callee) and not wanted.match(caller))
