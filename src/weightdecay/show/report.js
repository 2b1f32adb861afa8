"use strict";
(() => {
  const PAUSE = 400; // milliseconds after the last move, until the address tells the place
  const SVG = "http://www.w3.org/2000/svg";
  const UNKNOWN = "–"; // what stands for a number that is not known

  // All text comes in as text: nothing here is ever read as markup.
  const make = (tag, attributes = {}, ...inside) => {
    const it = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
    it.append(...inside);
    return it;
  };

  const drawn = (tag, attributes, ...inside) => {
    const it = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
    it.append(...inside);
    return it;
  };

  const amount = (text) => (/^\s*(inf|infinity|∞)\s*$/i.test(text) ? Infinity : text.trim() === "" ? NaN : Number(text));

  // The place whose decay is written so, or the nearest to that number; -1 where it is no decay.
  const placeOf = (text, decays) => {
    const same = decays.indexOf(text);
    const wanted = amount(text);
    if (same >= 0 || !(wanted >= 0)) return same;
    const far = (decay) => (decay === wanted ? 0 : Math.abs(Math.log(decay) - Math.log(wanted)) || Infinity);
    const away = decays.map((one) => far(amount(one)));
    const least = Math.min(...away);
    if (least < Infinity) return away.indexOf(least);
    return wanted > 1 ? decays.length - 1 : 0;
  };

  // The marker over each of the pictures of the curve; what is known of it: its size, its axes and its places.
  const markers = (figure, marks, choose) => {
    const picture = figure.querySelector("picture");
    const plot = make("div", { class: "plot" });
    picture.replaceWith(plot);
    plot.append(picture);
    const layers = marks.map(({ size, axes, places }, number) => {
      const kind = marks.length < 2 ? "" : number ? " narrow" : " wide";
      const line = drawn("line", { y1: axes[0], y2: axes[1] });
      const dot = drawn("circle", { r: 4.5 });
      const box = `0 0 ${size[0]} ${size[1]}`;
      const layer = drawn("svg", { class: `mark${kind}`, viewBox: box, preserveAspectRatio: "xMinYMid meet", "aria-hidden": "true" }, line, dot);
      plot.append(layer);
      return { layer, line, dot, places: places.split(" ").map((one) => one.split(",")) };
    });
    plot.addEventListener("click", (event) => {
      const seen = layers.find(({ layer }) => getComputedStyle(layer).display !== "none");
      const inverse = seen && seen.layer.getScreenCTM() && seen.layer.getScreenCTM().inverse();
      if (!inverse) return;
      const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(inverse).x;
      const away = seen.places.map(([place]) => Math.abs(place - x));
      choose(away.indexOf(Math.min(...away)));
    });
    return (at) => {
      for (const { line, dot, places } of layers) {
        const [x, y] = places[at];
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
        dot.setAttribute("cx", x);
        dot.setAttribute("cy", y || 0);
        dot.setAttribute("visibility", y ? "visible" : "hidden");
      }
    };
  };

  // The largest weights: a line each, with a bar from the middle to either side.
  const weights = (box, given) => {
    const body = make("tbody");
    const head = make("tr", {}, make("th", { scope: "col" }, given.of), make("th", { scope: "col" }, given.one), make("th", { scope: "col" }, "size"));
    const table = make("table", { class: "weights" }, make("caption", {}, given.caption), make("thead", {}, head), body);
    box.append(make("div", { class: "scroll" }, table), make("p", { class: "note" }, given.note));
    const rows = [...Array(given.most)].map(() => {
      const name = make("bdi");
      const number = make("td");
      const bar = make("i");
      const row = make("tr", {}, make("th", { scope: "row" }, name), number, make("td", {}, make("span", { class: "bar", "aria-hidden": "true" }, bar)));
      body.append(row);
      return { row, name, number, bar };
    });
    const words = (list) => (list ? list.split(" ") : []);
    return (at) => {
      const order = words(given.order[at] ?? given.order[0]);
      const texts = words(given.text[at]);
      rows.forEach(({ row, name, number, bar }, place) => {
        row.hidden = place >= order.length;
        if (row.hidden) return;
        name.textContent = given.names[order[place]];
        number.textContent = texts[place];
        const length = Math.min(50, Math.abs(texts[place] * given.bars[order[place]]) / 2) || 0;
        bar.className = texts[place] < 0 ? "minus" : "";
        bar.style.left = `${texts[place] < 0 ? 50 - length : 50}%`;
        bar.style.width = `${length}%`;
      });
      return order.slice(0, 3).map((one, place) => `${given.names[one]} ${texts[place]}`);
    };
  };

  // The same strength in other tools.
  const units = (box, given) => {
    if (!given.lines.length) return () => {};
    const list = make("ul", { class: "units" });
    const lines = given.lines.map(([before, after, values]) => ({ before, after, values: values.split(" "), line: make("li") }));
    list.append(...lines.map(({ line }) => line));
    box.append(make("p", {}, make("strong", {}, given.title)), list);
    return (at) => {
      for (const { before, after, values, line } of lines) {
        line.hidden = values[at] === UNKNOWN;
        line.textContent = before + values[at] + after;
      }
    };
  };

  const build = (source, number, every) => {
    const data = JSON.parse(source.textContent);
    const decays = data.decay.split(" ");
    const remarks = data.remark.split(" ");
    const own = every.length > 1 ? `-${number + 1}` : "";
    const range = make("input", { type: "range", id: `slide${own}`, min: 0, max: decays.length - 1, step: 1, autocomplete: "off" });
    const output = make("output", { for: range.id, "aria-live": "off" });
    const jumps = make("p", { class: "jumps" });
    const remark = make("p", { class: "told" });
    const status = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
    const box = make("div", { class: "slider", role: "group", "aria-label": data.title });
    const figures = data.figures.map(([name, texts]) => ({ name, texts: texts.split("|"), shown: make("dd") }));
    const glance = figures.map(({ name, shown }) => make("div", {}, make("dt", {}, name), shown));
    box.append(make(data.heading, {}, data.title), make("p", { class: "slide" }, make("label", { for: range.id }, "decay λ"), range, output), jumps);
    box.append(remark, make("dl", { class: "glance" }, ...glance));
    const showUnits = units(box, data.units);
    const showWeights = data.weights ? weights(box, data.weights) : () => [];
    box.append(status);
    source.after(box);

    const it = { key: `decay${own}`, first: data.first, at: -1, touched: false, text: () => decays[it.at], placeOf: (text) => placeOf(text, decays) };
    const showMarks = data.marks.length ? markers(source.previousElementSibling, data.marks, (at) => it.move(at)) : () => {};
    let timer = 0;
    it.show = (at) => {
      if (at === it.at) return;
      const moved = it.at >= 0;
      it.at = at;
      range.value = at;
      output.textContent = decays[at];
      remark.textContent = data.words[remarks[at]];
      for (const { texts, shown } of figures) shown.textContent = texts[at];
      const largest = showWeights(at);
      showUnits(at);
      showMarks(at);
      const said = figures.map(({ name, texts }) => `${name} ${texts[at]}`);
      range.setAttribute("aria-valuetext", `decay ${decays[at]}, ${said[0]}`);
      // The slider says the decay and the loss itself; the rest waits until it rests.
      clearTimeout(timer);
      const rest = [remark.textContent, ...said.slice(1), ...largest].filter(Boolean).join("; ");
      if (moved) timer = setTimeout(() => (status.textContent = rest), 2 * PAUSE);
    };
    it.move = (at) => {
      it.touched = true;
      it.show(at);
      later();
    };
    range.addEventListener("input", () => it.move(Number(range.value)));
    for (const [word, at] of data.jumps) {
      const button = make("button", { type: "button" }, word);
      button.addEventListener("click", () => it.move(at));
      jumps.append(button);
    }
    return it;
  };

  // The address: #decay=0.01, or #decay-2=0.01 for the second of several targets.
  let sliders = [];
  let waiting = 0;
  const write = () => {
    const told = sliders.filter(({ touched }) => touched).map(({ key, text }) => `${key}=${encodeURIComponent(text())}`);
    const hash = `#${told.join("&")}`;
    if (!told.length || hash === location.hash) return;
    try {
      history.pushState(null, "", hash);
    } catch {
      location.hash = hash; // a page without an address of its own
    }
  };
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(write, PAUSE);
  };
  const read = () => {
    const told = new URLSearchParams(location.hash.slice(1));
    // The address of a finding says nothing about decays.
    if (location.hash.length > 1 && !sliders.some(({ key }) => told.has(key))) return;
    clearTimeout(waiting);
    for (const one of sliders) {
      const at = told.has(one.key) ? one.placeOf(told.get(one.key)) : -1;
      one.touched = at >= 0;
      one.show(at >= 0 ? at : one.first);
    }
  };

  sliders = [...document.querySelectorAll("script.decays")].map(build);
  for (const one of sliders) one.show(one.first);
  read();
  addEventListener("hashchange", read);
})();
