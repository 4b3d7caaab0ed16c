"""What is in the page can do no harm, in a real browser."""

from looking import cell_at, settle, shown
from pages import HOSTILE, hostile_sentence

from hf_attn_model.view.page import write_page


def test_hostile_tokens_are_shown_and_do_nothing(open_page, tmp_path, artefact):
    write_page([hostile_sentence(), hostile_sentence()], tmp_path / "page.html")
    page = open_page(tmp_path / "page.html", width=390)
    rows, columns, _ = shown(page)
    for label, text in ((columns[0], HOSTILE[0]), (rows[-2], HOSTILE[0])):
        assert label == text.replace(" ", "▁")
    assert len(columns) == len(HOSTILE) + 1
    page.locator("#keys .word").nth(2).hover()
    for key in ("w", "c", "v", "j"):
        page.keyboard.press(key)
        settle(page)
    cells, position = cell_at(page, 0, 0, view="cross")
    cells.click(position=position)
    settle(page)
    assert page.evaluate("window.stolen") is None
    assert page.locator("img").count() == 0
    assert page.locator("b", has_text="title").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    controls = "\u2028\u2029\u202e\u2066\u0000\u001b"
    assert not set(controls) & set(page.evaluate("document.body.innerText"))
    page.screenshot(path=artefact("page-hostile.png"), full_page=True)


def test_the_policy_stops_what_is_not_the_page(browser, file):
    """Scripts, handlers and requests that get into the page all the same do nothing."""
    page = browser.new_page()
    page.goto(file.as_uri())
    blocked = page.evaluate(
        """async () => {
          const found = [];
          document.addEventListener('securitypolicyviolation', (event) => found.push(event.effectiveDirective));
          const script = document.createElement('script');
          try { script.text = 'window.stolen = 1'; } catch { found.push('trusted-types'); }
          document.body.append(script);
          try { document.body.innerHTML += '<img src=x>'; } catch { found.push('html'); }
          await fetch('http://127.0.0.1:9/').catch(() => {});
          await new Promise((done) => setTimeout(done, 200));
          return found;
        }"""
    )
    assert page.evaluate("window.stolen") is None
    assert "html" in blocked
    assert "connect-src" in blocked
    page.close()


def test_in_the_frame_of_a_notebook_it_works_and_cannot_get_out(open_page, tmp_path, record):
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><title>Notebook</title>{record._repr_html_()}")
    page = open_page(tmp_path / "notebook.html")
    inside = page.frame_locator("iframe")
    inside.locator("#queries .word").nth(1).hover()
    settle(page)
    assert inside.locator("#reading").text_content().startswith(f"{record.words('cross').rows[1]} looks at ")
    frame = page.frames[1]
    reach = "() => { try { return window.parent.document.title } catch (error) { return error.name } }"
    assert frame.evaluate(reach) == "SecurityError"
