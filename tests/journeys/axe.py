"""What axe-core finds wrong with a page for people who hear it, see little or use no mouse (WCAG 2.0 to 2.2, A and AA)."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.conftest import ROOT

AXE = (ROOT / "tests" / "vendor" / "axe" / "axe.min.js").read_text()
RUN = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
  const found = await axe.run(document, {runOnly: tags, resultTypes: ["violations"]});
  return found.violations.flatMap((rule) => rule.nodes.map((node) => rule.id + ": " + node.html.slice(0, 160)));
}"""


def list_faults(page: Page) -> list[str]:
    """Rule and element of everything found, in the page as it stands now."""
    if not page.evaluate("window.axe !== undefined"):
        page.evaluate(AXE)  # past the page's own policy, which lets no foreign script in
    found: list[str] = page.evaluate(RUN)
    return found
