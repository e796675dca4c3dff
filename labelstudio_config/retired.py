"""Retired controls: what an earlier interface asked, kept out of sight because answers refer to it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

_END = "</View>"


def with_retired(config: str, earlier: str | None) -> str:
    """Return the interface `config` with the controls that only an `earlier` one has, out of sight.

    Label Studio refuses an interface without a control that an answer came from. What is retired has no key.
    """
    old, new = _root(earlier), _root(config)
    if old is None or new is None:
        return config
    names = {one.attrib["name"] for one in new.iter() if "name" in one.attrib}
    retired = [one for one in old.iter() if one.get("toName") in names and one.get("name") not in names]
    if not retired:
        return config
    hidden = "\n".join(_without_keys(one) for one in retired)
    return f'{config.removesuffix(_END)}  <View style="display: none">\n{hidden}\n  </View>\n{_END}'


def _root(config: str | None) -> ET.Element | None:
    try:
        return ET.fromstring(config or "")
    except ET.ParseError:
        return None


def _without_keys(control: ET.Element) -> str:
    for one in control.iter():
        one.attrib.pop("required", None)
        if "hotkey" in one.attrib:
            one.set("hotkey", " ")
        one.text, one.tail = None, None
    return ET.tostring(control, encoding="unicode")
