"""Runs the cells of a chapter in this process, with the outputs that a kernel would give."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import activate_matplotlib
from nbformat.v4 import new_output
from traitlets.config import JSONFileConfigLoader

INLINE = "module://matplotlib_inline.backend_inline"
# Plots are shown by the cell that makes them, and a user's own matplotlibrc does not change them.
PLOTS = {"MPLBACKEND": INLINE, "MATPLOTLIBRC": os.devnull}
# How: as SVG, the same bytes on every run. Installed with the package, so that kernels do the same.
KERNEL = "ipython_kernel_config.json"


class Fault(NamedTuple):
    """The cell (counted from 0) at which a chapter ended, and the last line of its traceback."""

    cell: int
    message: str


class _Stream(io.TextIOBase):
    """A stream of text among the other outputs."""

    def __init__(self, outputs: list[Any], name: str) -> None:
        self.outputs, self.stream = outputs, name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        last = self.outputs[-1] if self.outputs else {}
        if text and last.get("name") == self.stream:
            last["text"] += text
        elif text:
            self.outputs.append(new_output("stream", name=self.stream, text=text))
        return len(text)


class _Results(DisplayHook):
    """The value of a cell's last line, among the other outputs."""

    def collect(self, outputs: list[Any]) -> None:
        self.outputs = outputs

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        count = self.prompt_count
        self.outputs.append(
            new_output("execute_result", format_dict, metadata=md_dict or {}, execution_count=count)
        )

    def finish_displayhook(self) -> None:
        self._is_active = False


@cache
def shell() -> InteractiveShell:
    """The one shell of this process, with no history: that would keep a thread and write a file of
    the user's."""
    config = JSONFileConfigLoader(KERNEL, str(Path(__file__).parent)).load_config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    if inline := sys.modules.get("matplotlib_inline.backend_inline"):  # loaded before the shell
        activate_matplotlib(INLINE)
        inline.configure_inline_support(made, INLINE)
    return made


def outputs_of(code: Sequence[str]) -> list[list[Any]] | Fault:
    """Outputs of each cell, run one after the other in a new namespace, unless one raises."""
    ready, streams, done = shell(), (sys.stdout, sys.stderr), []
    results = ready.display_trap.hook = _Results(shell=ready, cache_size=0)
    ready.display_pub = CapturingDisplayPublisher(shell=ready)
    for number, cell in enumerate(code):
        raw: list[Any] = []
        results.collect(raw)
        ready.display_pub.outputs = raw
        sys.stdout, sys.stderr = _Stream(raw, "stdout"), _Stream(raw, "stderr")
        try:
            result = ready.run_cell(cell, store_history=True)
        finally:
            sys.stdout, sys.stderr = streams
        if error := result.error_before_exec or result.error_in_exec:
            return Fault(number, traceback.format_exception_only(error)[-1].strip())
        done.append([o if "output_type" in o else _displayed(o) for o in raw])
    return done


def _displayed(published: dict[str, Any]) -> Any:
    metadata = published.get("metadata") or {}
    return new_output("display_data", published["data"], metadata=metadata)
