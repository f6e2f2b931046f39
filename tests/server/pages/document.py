"""Reads a page back: its elements, their attributes, and which stands inside which."""

from html.parser import HTMLParser

# Elements without a closing tag; "path" as the mark writes it.
VOID = frozenset({"meta", "link", "input", "path"})


class Element:
    """An element of a page: its tag, attributes, parents and the text inside it."""

    def __init__(self, tag: str, attributes: dict[str, str], parents: tuple["Element", ...]):
        self.tag = tag
        self.attributes = attributes
        self.parents = parents
        self.text = ""

    def within(self, tag: str) -> bool:
        return any(parent.tag == tag for parent in self.parents)


def without_switch(html: str) -> str:
    """Give a page without the switch of languages at its foot, which leads back to its address."""
    before, _, foot = html.partition('<footer class="languages">')
    return before + foot.partition("</footer>")[2]


class Document(HTMLParser):
    """The elements of a page in their order; closing tags must match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        html = without_switch(html)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice in <{tag}>"
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def inputs_of(self, form: Element) -> dict[str, str]:
        inputs = (each.attributes for each in self.all("input") if form in each.parents)
        return {each["name"]: each["value"] for each in inputs if each.get("type") == "hidden"}

    def actions(self) -> list[str]:
        return [form.attributes["action"] for form in self.all("form")]
