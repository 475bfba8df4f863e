// A machine file with the line of the row that was taken last.

export class Source {
  constructor(list, title) {
    this.list = list;
    this.title = title;
    this.file = null;
    this.line = null;
  }

  show(file, text, line, fresh) {
    if (file !== this.file) {
      this.file = file;
      this.list.replaceChildren(...text.split("\n").map(lineOf));
    }
    this.title.textContent = file ? `${file.split("/").pop()}:${line}` : "";
    this.title.title = file ?? "";
    const item = this.list.children[line - 1];
    if (this.marked !== item || fresh) {
      this.marked?.classList.remove("taken");
      if (item) {
        void item.offsetWidth; // so that the flash begins anew
        item.classList.add("taken");
        const [box, own] = [this.list.getBoundingClientRect(), item.getBoundingClientRect()];
        this.list.scrollTop += own.top - box.top - box.height * 0.35;
      }
      this.marked = item;
    }
  }
}

// Comments, keys and strings in colours; enough to read by.
function lineOf(text) {
  const item = document.createElement("li");
  const comment = /(^|\s)#.*$/.exec(text);
  const code = comment ? text.slice(0, comment.index) : text;
  const key = /^(\s*(?:- )?)([\w.*$-]+)(:)(?=\s|$)/.exec(code);
  const pieces = key
    ? [[key[1], ""], [key[2], "key"], [key[3], ""], [code.slice(key[0].length), "value"]]
    : [[code, "value"]];
  if (comment) pieces.push([comment[0], "comment"]);
  for (const [content, kind] of pieces) {
    const span = document.createElement("span");
    if (kind) span.className = kind;
    span.textContent = content;
    item.append(span);
  }
  return item;
}
