// Puts a row of filters under the head of each table that has data-filter: a list of the values where a column
// has few, else a field for a part of the text. A row is shown while it fits every filter.

const FEW = 12;  // values of a column up to which it gets a list

class FilteredTable {
  constructor(table) {
    this.rows = [...table.tBodies[0].rows];
    this.texts = this.rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
    this.caption = table.caption;
    this.title = this.caption?.textContent ?? "";
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    const line = table.tHead.insertRow();
    line.className = "filter";
    this.filters = names.map((name, column) => line.insertCell().appendChild(this.filter(name, column)));
    for (const event of ["input", "change"]) line.addEventListener(event, () => this.show());
  }

  filter(name, column) {
    const values = [...new Set(this.texts.map((row) => row[column]))].sort();
    const made = document.createElement(values.length <= FEW ? "select" : "input");
    made.setAttribute("aria-label", `Only rows by ${name}`);
    if (made.tagName === "INPUT") return made;
    made.append(new Option("all", ""), ...values.filter(Boolean).map((value) => new Option(value, value)));
    return made;
  }

  fits(row) {
    return this.filters.every(({ tagName, value }, column) =>
      tagName === "SELECT"
        ? !value || row[column] === value
        : row[column].toLowerCase().includes(value.toLowerCase()));
  }

  show() {
    let n = 0;
    this.rows.forEach((row, place) => {
      row.hidden = !this.fits(this.texts[place]);
      n += row.hidden ? 0 : 1;
    });
    if (this.caption) this.caption.textContent = n < this.rows.length ? `${this.title}, ${n} shown` : this.title;
  }
}

for (const table of document.querySelectorAll("table[data-filter]")) new FilteredTable(table);
