// Shows the tiles of a gallery that fit what is chosen in its form, and says how many these are.

class Chooser {
  constructor(form) {
    this.form = form;
    this.said = form.nextElementSibling;
    this.words = this.said.textContent;
    this.tiles = [...form.closest("section").querySelectorAll(".gallery .tile")];
    form.addEventListener("change", () => this.show());
    form.addEventListener("submit", (event) => event.preventDefault());
    this.show();  // a browser keeps what was chosen before a page is loaded anew
  }

  fits(tile, { annotator, round, ...chosen }) {
    const values = (name) => (tile.getAttribute(`data-facet-${name}`) ?? "").split(" ");
    const isAnswered = values("answers").some((answer) => {
      const [who, when] = answer.split("/");
      return (!annotator || who === annotator) && (!round || when === round);
    });
    return isAnswered && Object.entries(chosen).every(([name, value]) => !value || values(name).includes(value));
  }

  show() {
    const chosen = Object.fromEntries(new FormData(this.form));
    let n = 0;
    for (const tile of this.tiles) {
      tile.hidden = !this.fits(tile, chosen);
      n += tile.hidden ? 0 : 1;
    }
    const fitting = n < this.tiles.length ? `${n} of the ${this.tiles.length} on this page fit. ` : "";
    this.said.textContent = fitting + this.words;
  }
}

for (const form of document.querySelectorAll("form[data-chooser]")) new Chooser(form);
