"""What `make docs` puts into the site beside docs/: files that live elsewhere in the repository.

MkDocs calls these functions (see `hooks` in mkdocs.yml). Links in docs/ are written as they work in the repository,
`../model_cards/attention.md`; on the site the folder stands inside.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ELSEWHERE = ("model_cards/*.md", "model_cards/*.png", "CONTRIBUTING.md", "CHANGELOG.md")
OUT_OF_DOCS = re.compile(r"(\]\(|src=\")((?:\.\./)+)(?=model_cards/|CONTRIBUTING\.md|CHANGELOG\.md)")


def on_files(files: Files, config: Any) -> Files:
    """Add the files from elsewhere, under the names that they have in the repository."""
    for pattern in ELSEWHERE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Take one `..` off links from docs/ to those files: what is beside docs/ is inside the site."""
    if page.file.src_uri.startswith("model_cards/"):
        return markdown
    return OUT_OF_DOCS.sub(lambda match: match[1] + match[2].removeprefix("../"), markdown)
