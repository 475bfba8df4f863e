// The conversation on the page: who said what, tool calls, errors. All of it is text and nothing else.

export class Log {
  constructor(element) {
    this.element = element;
    this.entries = new Map();
  }

  entry(id, role) {
    if (!this.entries.has(id)) {
      const article = document.createElement("article");
      article.className = role;
      article.append(document.createElement("p"), document.createElement("small"));
      this.entries.set(id, article);
      this.append(article);
    }
    return this.entries.get(id);
  }

  add(id, role, delta) {
    this.scrolled(() => (this.entry(id, role).firstChild.textContent += delta));
  }

  write(id, role, text) {
    this.scrolled(() => (this.entry(id, role).firstChild.textContent = text));
  }

  // A line below an entry has parts, each under a name; `value` is kept beside it for whoever reads the page.
  meta(id, name, text, value = text) {
    const small = this.entry(id, "assistant").lastChild;
    const part = small.querySelector(`[data-part=${name}]`) ?? document.createElement("span");
    part.dataset.part = name;
    part.dataset.value = value;
    part.textContent = text;
    if (!part.parentNode) small.append(part);
  }

  cut(id, ms) {
    this.entry(id, "assistant").classList.add("cut");
    this.meta(id, "played", `interrupted after ${(ms / 1000).toFixed(1)} s`, ms);
  }

  note(text, bad = false) {
    const note = document.createElement("p");
    note.className = bad ? "note bad" : "note";
    note.textContent = text;
    this.append(note);
    return note;
  }

  // A question with two answers, once.
  ask(text, answer) {
    const note = this.note(text);
    for (const [name, value] of [["Allow", true], ["Refuse", false]]) {
      const button = document.createElement("button");
      button.textContent = name;
      button.addEventListener("click", () => {
        for (const each of note.querySelectorAll("button")) each.disabled = true;
        answer(value);
      });
      note.append(button);
    }
  }

  forget(id) {
    this.entries.get(id)?.remove();
    this.entries.delete(id);
  }

  append(element) {
    this.scrolled(() => {
      this.element.querySelector("#hint")?.remove();
      this.element.append(element);
    });
  }

  // What is written at the end stays in sight, unless the reader has scrolled away from it.
  scrolled(change) {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    const near = scrollHeight - scrollTop - clientHeight < 120;
    change();
    if (near) this.element.scrollTop = this.element.scrollHeight;
  }
}
