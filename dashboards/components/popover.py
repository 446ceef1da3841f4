"""A popover for people who use no mouse.

Streamlit draws an open popover at the end of the page, where the tabulator gets to last; it closes
it by Escape, and gives the focus back. What lacks is the way in, and to stay in until Escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_popover_container import PopoverContainer

# The only script of ours in a page; runs when a popover opens. Nothing is ever put into it.
WAY_IN: Final = """<script>
{
    const popover = document.querySelector('[data-testid=stPopoverBody]');
    const mine = document.currentScript?.closest('[data-testid=stElementContainer]');
    if (mine) mine.style.display = 'none';
    if (popover && !popover.hasAttribute('tabindex')) {  // once
        popover.tabIndex = -1;
        popover.style.outline = 'none';
        popover.focus({preventScroll: true});
        popover.addEventListener('keydown', event => {
            if (event.key !== 'Tab') return;
            const all = [...popover.querySelectorAll('input, button, textarea, [tabindex]')]
                .filter(each => each.tabIndex >= 0 && !each.disabled && each.checkVisibility());
            const at = all.indexOf(document.activeElement);
            if (event.shiftKey ? at > 0 : at !== all.length - 1) return;
            event.preventDefault();
            all.at(event.shiftKey ? -1 : 0)?.focus();
        });
    }
}
</script>"""


def popover(
    label: str,
    *,
    icon: str,
    key: str | None = None,
    help: str | None = None,  # noqa: A002  # as Streamlit calls it
    on_change: Literal["ignore", "rerun"] = "ignore",
) -> PopoverContainer:
    """Return a popover, as ``st.popover`` does, into which the focus goes when it is opened."""
    found = st.popover(label, icon=icon, key=key, help=help, on_change=on_change)
    found.html(WAY_IN, unsafe_allow_javascript=True)
    return found
