// Draws the maps of a page: points on a canvas that move, zoom and take the colours of lanes or labels.
// Every text of the data is set as text, never as HTML. Follows map_marks.js in one script.

const SCALE = 10000;  // of x and y in the data
const NEAR = 12, MARGIN = 16;  // pixels

class SampleMap {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("script").textContent);
    this.canvas = root.querySelector(".map-view canvas");
    this.pen = this.canvas.getContext("2d");
    this.tip = root.querySelector(".map-tip");
    this.tile = root.querySelector(".map-tile");
    this.legend = root.querySelector(".map-legend");
    this.mistakes = new Set(this.data.mistakes);
    this.only = () => true;  // which points the legend lets through
    this.hovered = this.chosen = -1;
    this.isByKey = this.isWaiting = false;
    this.width = this.height = 1;
    this.showAll();
    this.hearPointer();
    this.hearKeys();
    this.hearTools();
    root.hidden = false;
    new ResizeObserver(() => this.fit()).observe(this.canvas);
  }

  // --- places

  showAll() { this.zoom = 1; this.cx = this.cy = .5; }

  get side() { return this.zoom * Math.max(1, Math.min(this.width, this.height) - 2 * MARGIN); }

  place(i) {
    const along = (value, centre, length) => length / 2 + (value / SCALE - centre) * this.side;
    return [along(this.data.x[i], this.cx, this.width), along(this.data.y[i], this.cy, this.height)];
  }

  nearest(x, y, most) {
    let best = -1, least = most * most;
    for (let i = 0; i < this.data.x.length; i++) {
      if (!this.only(i)) continue;
      const [px, py] = this.place(i), distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) { least = distance; best = i; }
    }
    return best;
  }

  zoomAt(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.side;
    this.zoom = Math.min(60, Math.max(.5, this.zoom * factor));
    this.cx += (x - this.width / 2) * (1 / before - 1 / this.side);
    this.cy += (y - this.height / 2) * (1 / before - 1 / this.side);
  }

  fit() {
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.later();
  }

  // --- drawing

  colour(name) { return getComputedStyle(this.root).getPropertyValue(name).trim(); }

  later() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => { this.isWaiting = false; this.draw(); });
  }

  draw() {
    const {pen, canvas, width, height} = this, ratio = devicePixelRatio || 1;
    const ink = this.colour("--ink"), ground = this.colour("--card");
    const r = Math.min(7, 2.6 * Math.max(.65, Math.min(1, height / 500)) * Math.pow(this.zoom, .35));
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    pen.scale(ratio, ratio);
    for (const isLit of [false, true]) this.drawPoints(isLit, r, ink);
    for (const i of this.mistakes) if (this.only(i)) cross(pen, ...this.place(i), r * 1.7, ink, ground);
    for (const [i, thick] of [[this.hovered, 2], [this.chosen, 3]]) {
      if (i < 0) continue;
      glyph(pen, 0, ...this.place(i), r + 5);
      pen.lineWidth = thick;
      pen.strokeStyle = ink;
      pen.stroke();
    }
    const x = width / 2, y = height / 2;
    if (this.isByKey) stroke(pen, ink, 1, [[x - 8, y, x + 8, y], [x, y - 8, x, y + 8]]);
    this.showTip();
  }

  drawPoints(isLit, r, ink) {
    const {pen, groups} = this, paint = groups.names.map((_, g) => this.colour(groups.colour(g)));
    pen.globalAlpha = isLit ? .85 : .1;
    groups.of.forEach((g, i) => {
      const [x, y] = this.place(i), isGold = this.data.gold[i] >= 0;
      if (this.only(i) !== isLit || x < -9 || y < -9 || x > this.width + 9 || y > this.height + 9) return;
      glyph(pen, groups.shape(g), x, y, isGold ? r * 1.25 : r);
      pen.fillStyle = paint[g];
      pen.fill();
      if (!isGold) return;
      pen.strokeStyle = ink;
      pen.lineWidth = 1.3;
      pen.stroke();
    });
    pen.globalAlpha = 1;
  }

  // --- what is said of a point

  described(tag, i) {
    return linesOf(this.data, i).map((line, row) => element(row ? tag : "b", line));
  }

  showTip() {
    const {tip, hovered, width, height} = this;
    tip.hidden = hovered < 0;
    if (hovered < 0) return;
    if (tip.dataset.point !== String(hovered)) {
      tip.dataset.point = hovered;
      tip.replaceChildren(...this.described("span", hovered));
    }
    const [x, y] = this.place(hovered), isRight = x > width / 2, isLow = y > height / 2;
    tip.style.left = isRight ? "auto" : `${x + 14}px`;
    tip.style.right = isRight ? `${width - x + 14}px` : "auto";
    tip.style.top = isLow ? "auto" : `${y + 14}px`;
    tip.style.bottom = isLow ? `${height - y + 14}px` : "auto";
  }

  hover(i) {
    if (i === this.hovered) return;
    this.hovered = i;
    this.later();
  }

  // Show the tile of a point beside the map, as it stands in a gallery; without one, what is said of it.
  choose(i) {
    const name = this.data.tiles[i];
    const known = name && document.querySelector(`.gallery [data-sample="${name}"]`);
    this.chosen = i;
    this.tile.replaceChildren();
    if (known) this.tile.append(known.cloneNode(true));
    else if (i >= 0) {
      const card = element("figure", "", "tile");
      card.append(...this.described("small", i), element("small", "not among the samples shown below"));
      this.tile.append(card);
    }
    this.later();
  }

  // --- the legend

  colourBy(choice) {
    this.groups = groupsOf(this.data, choice);
    this.only = () => true;
    const {names, of, colour, shape} = this.groups;
    this.legend.replaceChildren(
      this.legendButton("gold", i => this.data.gold[i] >= 0, null, 0),
      this.legendButton(MISTAKE, i => this.mistakes.has(i), null, null),
      ...names.map((name, g) => this.legendButton(name, i => of[i] === g, colour(g), shape(g))),
    );
    this.later();
  }

  legendButton(name, has, colour, shape) {
    const button = element("button", ""), icon = element("canvas", "");
    const count = this.data.x.reduce((sum, _, i) => sum + has(i), 0);
    button.type = "button";
    button.hidden = count === 0;
    button.setAttribute("aria-pressed", "false");
    icon.width = icon.height = 32;
    icon.paint = () => this.paintIcon(icon, colour, shape);
    icon.paint();
    button.append(icon, element("span", name), element("span", count.toLocaleString("en")));
    button.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") === "true";
      for (const other of this.legend.children) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(!isOn));
      this.only = isOn ? () => true : has;
      this.hovered = -1;
      this.later();
    });
    return button;
  }

  paintIcon(icon, colour, shape) {
    const pen = icon.getContext("2d"), ink = this.colour("--ink");
    pen.reset();
    pen.scale(2, 2);
    if (shape === null) return cross(pen, 8, 8, 4.5, ink, this.colour("--card"));
    glyph(pen, shape, 8, 8, 5);
    pen.fillStyle = colour === null ? "transparent" : this.colour(colour);
    pen.fill();
    pen.strokeStyle = colour === null ? ink : "transparent";
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  // --- mouse, keys and buttons

  hearPointer() {
    const {canvas} = this;
    let from = null, hasMoved = false;
    const at = event => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", event => {
      from = at(event);
      hasMoved = this.isByKey = false;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({preventScroll: true});
    });
    canvas.addEventListener("pointermove", event => {
      const [x, y] = at(event);
      if (from === null) { this.isByKey = false; return this.hover(this.nearest(x, y, NEAR)); }
      if (!hasMoved && Math.hypot(x - from[0], y - from[1]) < 4) return;
      hasMoved = true;
      this.moveBy((from[0] - x) / this.side, (from[1] - y) / this.side);
      from = [x, y];
    });
    canvas.addEventListener("pointerup", event => {
      if (from !== null && !hasMoved) {
        this.hover(this.nearest(...at(event), NEAR));
        this.choose(this.hovered);
      }
      from = null;
    });
    canvas.addEventListener("pointercancel", () => { from = null; });
    canvas.addEventListener("pointerleave", () => { if (!this.isByKey) this.hover(-1); });
    canvas.addEventListener("wheel", event => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;  // else the page scrolls
      event.preventDefault();
      this.zoomAt(Math.exp(-event.deltaY / 400), ...at(event));
      this.later();
    }, {passive: false});
  }

  moveBy(across, down) {
    this.cx += across;
    this.cy += down;
    this.hovered = -1;
    this.later();
  }

  hearKeys() {
    const middle = () => this.nearest(this.width / 2, this.height / 2, Infinity);
    const move = (across, down) => {
      const step = .15 * Math.min(this.width, this.height) / this.side;
      this.moveBy(step * across, step * down);
    };
    const acts = {
      ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0), ArrowUp: () => move(0, -1),
      ArrowDown: () => move(0, 1), "+": () => this.zoomAt(1.5), "=": () => this.zoomAt(1.5),
      "-": () => this.zoomAt(1 / 1.5), "0": () => this.showAll(), Enter: () => this.choose(middle()),
      Escape: () => this.choose(-1),
    };
    this.canvas.addEventListener("keydown", event => {
      const act = Object.hasOwn(acts, event.key) && acts[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.isByKey = true;
      act();
      this.hovered = middle();
      this.later();
    });
    this.canvas.addEventListener("blur", () => { this.isByKey = false; this.hovered = -1; this.later(); });
  }

  hearTools() {
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      const factor = Number(button.dataset.zoom);
      button.addEventListener("click", () => {
        if (factor) this.zoomAt(factor);
        else this.showAll();
        this.later();
      });
    }
    for (const choice of this.root.querySelectorAll("input")) {
      choice.addEventListener("change", () => this.colourBy(choice.value));
      if (choice.checked) this.colourBy(choice.value);  // a browser keeps the choice over a reload
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const icon of this.legend.querySelectorAll("canvas")) icon.paint();
      this.later();
    });
  }
}

for (const root of document.querySelectorAll("[data-map]")) new SampleMap(root);
