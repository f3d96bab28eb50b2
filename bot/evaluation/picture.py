"""The coverage-risk curve and the reliability diagram as a picture; needs matplotlib (extra `evaluation`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Of the sets in evaluation.json, those that are drawn.
_NAMES = {"cross_validation": "cross-validation", "held_out": "held-out questions"}


def draw(figures: Mapping[str, Any], path: Path) -> bool:
    """Draw what `evaluation.json` holds; False where matplotlib is not installed.

    Raises:
        OSError: the picture can't be written.
    """
    try:
        # Figure and canvas alone: pyplot would look for a screen and keep state.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    curve, diagram = figure.subplots(1, 2)
    for number, (key, name) in enumerate(_NAMES.items()):
        if figures.get(key) is None:
            continue
        for part, style in (("inside", "-"), ("with_outside", ":")):
            found = figures[key][part]
            label = name if part == "inside" else f"{name}, with outside questions"
            points = found["coverage_risk"]
            curve.plot(
                [point["coverage"] for point in points],
                [point["risk"] for point in points],
                style,
                color=f"C{number}",
                label=label,
            )
            curve.plot(found["served"]["coverage"], found["served"]["risk"], "o", color=f"C{number}")
            bins = found["reliability"]
            diagram.plot(
                [row["stated"] for row in bins],
                [row["true"] for row in bins],
                f"o{style}",
                color=f"C{number}",
                label=f"{label} (error {found['calibration_error']:.3f})",
            )
    diagram.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    curve.set(title="Coverage and risk (dots: what is answered at once)", xlabel="share answered", xlim=(0, 1))
    curve.set(ylabel="share wrong among the answered", ylim=(0, None))
    diagram.set(title="Reliability", xlabel="stated probability", ylabel="share right", xlim=(0, 1), ylim=(0, 1))
    for axes in (curve, diagram):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    return True
