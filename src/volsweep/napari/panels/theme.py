"""Colours of the current napari theme, and the few rules that are ours."""

from __future__ import annotations

from dataclasses import dataclass

from napari.utils.theme import get_theme
from qtpy.QtGui import QColor


@dataclass(frozen=True)
class Palette:
    """Colours as ``"#rrggbb"``."""

    text: str
    muted: str
    icon: str
    background: str
    field: str
    line: str
    accent: str
    on_accent: str
    good: str
    bad: str
    warn: str
    dark: bool


def palette(theme_name: str) -> Palette:
    """Colours that go with one of napari's themes."""
    theme = get_theme(theme_name)
    background, text = QColor(_hex(theme.background)), QColor(_hex(theme.text))
    dark = background.lightness() < 128
    return Palette(
        text=text.name(),
        muted=_mix(text, background, 0.36),
        icon=QColor(_hex(theme.icon)).name(),
        background=background.name(),
        field=QColor(_hex(theme.foreground)).name(),
        line=_mix(text, background, 0.82),
        accent="#3d7eff" if dark else "#2563d9",
        on_accent="#ffffff",
        good="#2fb866" if dark else "#1b8f4b",
        bad="#ff5d5d" if dark else "#c8202a",
        warn="#e3b341" if dark else "#946200",
        dark=dark,
    )


def style_sheet(p: Palette) -> str:
    """Rules for our own widgets; everything else is napari's."""
    return f"""
    QLabel {{ padding: 0px; }}
    QLabel#volsweep_heading {{ font-weight: 600; color: {p.text}; padding: 0px; }}
    QFrame#volsweep_rule {{ background-color: {p.line}; padding: 0px; }}
    QLabel#volsweep_note {{ color: {p.muted}; padding: 0px 1px; }}
    QFrame#volsweep_message {{ border-radius: 4px; background-color: {p.field}; }}
    QFrame#volsweep_message QLabel {{ background-color: transparent; }}
    QFrame#volsweep_message[kind="error"] QLabel {{ color: {p.bad}; }}
    QFrame#volsweep_message[kind="warning"] QLabel {{ color: {p.warn}; }}
    QFrame#volsweep_message QPushButton {{ background-color: {p.accent}; color: {p.on_accent}; font-weight: 600; }}
    QFrame#volsweep_restore {{ background-color: {p.field}; border-left: 3px solid {p.warn}; }}
    QFrame#volsweep_restore QLabel {{ background-color: transparent; color: {p.text}; }}
    QPushButton {{ padding: 4px 7px; border-radius: 4px; }}
    QPushButton#volsweep_primary {{ background-color: {p.accent}; color: {p.on_accent}; font-weight: 600; }}
    QPushButton#volsweep_primary:hover {{ background-color: {_lighter(p.accent)}; }}
    QPushButton#volsweep_primary:disabled {{ background-color: {p.field}; color: {p.muted}; }}
    QPushButton#volsweep_danger {{ background-color: {p.bad}; color: #ffffff; font-weight: 600; }}
    QPushButton#volsweep_link {{ background-color: transparent; color: {p.text}; padding: 0px 2px; }}
    QPushButton#volsweep_link:hover {{ text-decoration: underline; }}
    QPushButton#volsweep_link:disabled {{ color: {p.muted}; border: none; }}
    QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 3px 2px; background-color: {p.field};
        color: {p.text}; }}
    QToolButton:hover {{ border-color: {p.muted}; }}
    QToolButton:checked {{ background-color: {p.accent}; color: {p.on_accent}; }}
    QToolButton:disabled {{ color: {p.muted}; }}
    QToolButton:checked:disabled {{ background-color: {p.field}; color: {p.muted}; border-color: {p.line}; }}
    QToolButton#volsweep_flat {{ background-color: transparent; padding: 1px; }}
    QToolButton#volsweep_flat:hover {{ border-color: {p.muted}; }}
    QTableWidget {{ background-color: {p.field}; border-radius: 4px; gridline-color: {p.line}; }}
    QTableWidget::item {{ padding: 1px 3px; border: 0px; }}
    QTableWidget::item:selected {{ color: {p.text};
        background-color: {_mix(QColor(p.accent), QColor(p.field), 0.55)}; }}
    QHeaderView, QHeaderView::section {{ background-color: {p.field}; color: {p.muted}; border: 0px;
        padding: 2px 3px; font-weight: 400; }}
    QProgressBar {{ border: 0px; border-radius: 3px; background-color: {p.field}; text-align: center;
        color: {p.text}; padding: 0px; }}
    QProgressBar::chunk {{ background-color: {p.accent}; border-radius: 3px; }}
    """


def _hex(color: object) -> str:
    as_hex = getattr(color, "as_hex", None)
    return as_hex(format="long") if as_hex is not None else str(color)


def _mix(a: QColor, b: QColor, share_of_b: float) -> str:
    def blend(x: int, y: int) -> int:
        return round(x * (1 - share_of_b) + y * share_of_b)

    return QColor(blend(a.red(), b.red()), blend(a.green(), b.green()), blend(a.blue(), b.blue())).name()


def _lighter(color: str) -> str:
    return QColor(color).lighter(112).name()
