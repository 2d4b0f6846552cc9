"""What a training shows on stderr while it runs: a moving line on a terminal, plain lines
elsewhere."""

from __future__ import annotations

from gistill.distill.run import Note
from gistill.terminal import Bars


class LossLine(Bars):
    """Shows notes of a training; silent unless `shown`."""

    def show(self, note: Note) -> None:
        """The loss on the moving line, scores above it."""
        if not self.shown:
            return
        if "loss" not in note:
            words = "" if "words" not in note else f", {note['words']} words an answer"
            self.say(
                f"step {note['step']}: ROUGE-Lsum {note['rougeLsum']}, -1 {note['rouge1']}, "
                f"-2 {note['rouge2']}{words}"
            )
            return
        loss = f"loss {note['loss']:.3f}"
        if self.moving:
            self.move("loss", note["step"], note["of"], loss)
        else:
            self.say(f"step {note['step']} of {note['of']}: {loss}, {note['seconds']:.0f} s")
