# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/dev does: build directories, test suites, and how their results are counted."""
