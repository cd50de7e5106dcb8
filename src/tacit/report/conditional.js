"use strict";
// The mixture of the page, asked: evidence is a set of bins of some columns.
const Mixture = class {
  constructor({ weights, columns }) {
    this.logWeights = weights.map(Math.log);
    this.columns = columns;
  }

  // log π_m + Σ_j log Σ_{b in E_j} P_jmb for every part m; `evidence` maps a column's number to a set of bins
  logJoint(evidence) {
    const log = this.logWeights.slice();
    for (const [j, bins] of evidence) {
      const { p } = this.columns[j];
      for (let m = 0; m < log.length; m++) {
        let mass = 0;
        for (const b of bins) mass += p[b][m];
        log[m] += Math.log(mass);
      }
    }
    return log;
  }

  // log p(evidence), and p(part | evidence), null where no row can be so
  posterior(evidence) {
    const log = this.logJoint(evidence);
    const most = Math.max(...log);
    if (most === -Infinity) return { logEvidence: most, parts: null };
    const e = log.map((v) => Math.exp(v - most));
    const total = e.reduce((a, b) => a + b, 0);
    return { logEvidence: most + Math.log(total), parts: e.map((v) => v / total) };
  }

  // p(column j in each of its bins | evidence)
  distribution(j, evidence) {
    const { parts } = this.posterior(evidence);
    if (!parts) return null;
    const said = evidence.get(j);
    const rest = new Map([...evidence].filter(([other]) => other !== j));
    const w = said ? this.posterior(rest).parts : parts;
    const p = this.columns[j].p.map((row, b) => (said && !said.has(b) ? 0 : row.reduce((sum, v, m) => sum + v * w[m], 0)));
    const total = p.reduce((a, b) => a + b, 0);
    return p.map((v) => v / total);
  }

  // E[column j | evidence] of a number of which nothing is said itself
  mean(j, evidence) {
    const { parts } = this.posterior(evidence);
    return parts && parts.reduce((sum, w, m) => sum + w * this.columns[j].mean[m], 0);
  }
};

// The same where columns are joined by a tree in every part: nodes are codes, and a bin has a share of each code.
const Trees = class extends Mixture {
  constructor(data) {
    super(data);
    this.trees = data.trees.map((tree) => {
      const children = tree.parent.map(() => []);
      tree.parent.forEach((b, i) => b >= 0 && children[b].push(i));
      return { ...tree, children };
    });
  }

  // λ_j(c) = Σ_{b in E_j} p(bin b | code c) of every column that something is said of
  likelihoods(evidence) {
    const of = ([j, bins]) => [j, this.columns[j].within[0].map((_, c) => [...bins].reduce((sum, b) => sum + this.columns[j].within[b][c], 0))];
    return new Map([...evidence].filter(([j]) => this.columns[j].kind !== "group").map(of));
  }

  // messages from the leaves: log p(evidence | part), what each node hears from below, and what it tells its parent
  upward({ column, parent, codes, table }, said) {
    const below = codes.map((count) => new Array(count).fill(1));
    const told = codes.map(() => null);
    let log = 0;
    for (let i = codes.length - 1; i >= 0; i--) {
      const [own, count, p] = [said.get(column[i]), codes[i], table[i]];
      const inside = own ? below[i].map((v, a) => v * own[a]) : below[i];
      const up = new Array(p.length / count).fill(0);
      for (let k = 0; k < p.length; k++) up[Math.floor(k / count)] += p[k] * inside[k % count];
      const most = Math.max(...up);
      log += Math.log(most);
      if (!most) return { log };
      told[i] = up.map((v) => v / most);
      if (parent[i] >= 0) told[i].forEach((v, b) => (below[parent[i]][b] *= v));
    }
    return { log, below, told };
  }

  logJoint(evidence) {
    const said = this.likelihoods(evidence);
    const groups = new Map([...evidence].filter(([j]) => this.columns[j].kind === "group"));
    return super.logJoint(groups).map((log, m) => (log === -Infinity ? log : log + this.upward(this.trees[m], said).log));
  }

  // p(code | what is said of the other columns) of every column
  codes(evidence) {
    const key = JSON.stringify([...evidence].map(([j, bins]) => [j, ...bins]));
    if (this.key !== key) [this.key, this.known] = [key, this.downward(evidence)];
    return this.known;
  }

  downward(evidence) {
    const { parts } = this.posterior(evidence);
    if (!parts) return null;
    const said = this.likelihoods(evidence);
    const found = this.columns.map(({ within }) => within && within[0].map(() => 0));
    this.trees.forEach((tree, m) => {
      if (!parts[m]) return;
      const { below, told } = this.upward(tree, said);
      const above = [];
      tree.table.forEach((p, i) => {
        const [j, b, count] = [tree.column[i], tree.parent[i], tree.codes[i]];
        let beside = [1];
        if (b >= 0) {
          const own = said.get(tree.column[b]);
          beside = above[b].map((v, code) => tree.children[b].reduce((product, s) => (s === i ? product : product * told[s][code]), own ? v * own[code] : v));
        }
        above[i] = new Array(count).fill(0);
        for (let k = 0; k < p.length; k++) above[i][k % count] += p[k] * beside[Math.floor(k / count)];
        const most = Math.max(...above[i]);
        above[i] = above[i].map((v) => v / most);
        if (j < 0) return;
        const others = above[i].map((v, a) => v * below[i][a]);
        const own = said.get(j);
        const total = others.reduce((sum, v, a) => sum + (own ? v * own[a] : v), 0);
        others.forEach((v, a) => (found[j][a] += (parts[m] * v) / total));
      });
    });
    return found;
  }

  distribution(j, evidence) {
    if (this.columns[j].kind === "group") return super.distribution(j, evidence);
    const codes = this.codes(evidence);
    if (!codes) return null;
    const said = evidence.get(j);
    const p = this.columns[j].within.map((row, b) => (said && !said.has(b) ? 0 : row.reduce((sum, v, c) => sum + v * codes[j][c], 0)));
    const total = p.reduce((a, b) => a + b, 0);
    return p.map((v) => v / total);
  }

  mean(j, evidence) {
    const codes = this.codes(evidence);
    if (!codes) return null;
    const total = codes[j].reduce((a, b) => a + b, 0);
    return codes[j].reduce((sum, v, c) => sum + v * this.columns[j].mean[c], 0) / total;
  }
};

const conditional = (host, data, plot) => {
  const model = data.trees ? new Trees(data) : new Mixture(data);
  const evidence = new Map();
  const none = new Map();
  const before = data.columns.map((_, j) => model.distribution(j, none));
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const percent = (p) => (p >= 0.0995 ? (100 * p).toFixed(0) : p >= 0.00095 ? (100 * p).toFixed(1) : p > 0 ? "<0.1" : "0") + "\u202f%";
  const thousands = (x, digits) => x.toLocaleString("en", digits).replaceAll(",", "\u202f");
  const isNumber = (column) => column.kind === "number";

  const said = (j) => {
    const column = data.columns[j];
    const bins = [...evidence.get(j)].sort((a, b) => a - b);
    if (!isNumber(column)) return column.name + " is " + bins.map((b) => column.labels[b]).join(" or ");
    const [low, high] = [column.starts[bins[0]], column.ends[bins[bins.length - 1]]];
    if (bins.length === 1) return column.name + " is " + column.labels[bins[0]];
    return column.name + " is " + (low && high ? "from " + low + " to " + high : low ? "at least " + low : "at most " + high);
  };
  const figure = (x) => {
    const size = Math.abs(x);
    return size >= 1e15 || (size && size < 1e-3) ? x.toExponential(2) : thousands(x, { maximumSignificantDigits: 4 });
  };
  const day = (x) => {
    const date = new Date(x * 864e5);
    return isNaN(date) ? figure(x) : date.toISOString().slice(0, 10);
  };

  const status = make("p", { className: "status" });
  status.setAttribute("role", "status");
  const clear = make("button", { type: "button", textContent: "Clear", hidden: true });
  const grid = make("div", { className: "cards" });

  const set = (j, bins) => {
    const all = data.columns[j].labels.length;
    if (bins.length && bins.length < all) evidence.set(j, new Set(bins));
    else evidence.delete(j);
    update();
  };
  const range = (a, b) => Array.from({ length: b - a + 1 }, (_, i) => a + i);

  const option = (value, text, more = {}) => make("option", { value: String(value), textContent: text, ...more });
  const controls = (column, j) => {
    const { labels } = column;
    if (!isNumber(column)) {
      const select = make("select", { onchange: () => set(j, select.value === "" ? [] : [Number(select.value)]) });
      select.setAttribute("aria-label", column.name);
      select.append(option("", "any"), ...labels.map((text, b) => option(b, text)), option("several", "several", { hidden: true }));
      const show = (bins) => (select.value = !bins ? "" : bins.size === 1 ? String([...bins][0]) : "several");
      return { elements: [select], show };
    }
    const last = labels.length - 1;
    const changed = () => {
      const [a, b] = [Number(from.value), Number(to.value)];
      set(j, range(Math.min(a, b), Math.max(a, b)));
    };
    const from = make("select", { onchange: changed });
    const to = make("select", { onchange: changed });
    from.setAttribute("aria-label", column.name + ", from");
    to.setAttribute("aria-label", column.name + ", to");
    from.append(...labels.map((_, b) => option(b, b ? column.starts[b] : "lowest")));
    to.append(...labels.map((_, b) => option(b, b < last ? column.ends[b] : "highest")));
    const show = (bins) => {
      from.value = String(bins ? Math.min(...bins) : 0);
      to.value = String(bins ? Math.max(...bins) : last);
    };
    return { elements: [from, make("span", { textContent: "to" }), to], show };
  };

  const click = (j, b) => {
    const now = evidence.get(j);
    if (!isNumber(data.columns[j])) {
      const next = new Set(now ?? []);
      if (!next.delete(b)) next.add(b);
      return set(j, [...next]);
    }
    if (!now) return set(j, [b]);
    const [low, high] = [Math.min(...now), Math.max(...now)];
    if (now.has(b)) return set(j, now.size === 1 ? [] : [b]);
    return set(j, range(Math.min(low, b), Math.max(high, b)));
  };

  const cards = data.columns.map((column, j) => {
    const { elements, show } = controls(column, j);
    const chart = make("div", { className: "chart" });
    const note = make("p", { className: "note" });
    const given = make("div", { className: "given" }, ...elements);
    const card = make("div", { className: "card" }, make("h3", { textContent: column.name, title: column.name }), given, chart, note);
    card.dataset.column = column.name;
    grid.append(card);
    return { card, chart, note, show };
  });
  host.replaceChildren(make("div", { className: "asked" }, status, clear), grid);
  clear.addEventListener("click", () => {
    evidence.clear();
    update();
  });

  const drawing = (column, j) => {
    const { labels } = column;
    const count = labels.length;
    const at = labels.map((_, b) => b);
    const number = isNumber(column);
    const clip = (text) => (text.length > 22 ? text.slice(0, 15) + "…" + text.slice(-6) : text);
    const safe = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const axis = { fixedrange: true, showgrid: false, zeroline: false, automargin: true };
    const along = { ...axis, tickmode: "array", range: number ? [-0.6, count - 0.4] : [count - 0.4, -0.6] };
    if (number) {
      const some = Math.max(1, Math.ceil((count - 2) / 4));
      const shown = range(1, count - 1).filter((b) => (b - 1) % some === 0);
      const single = labels[1] === column.starts[1]; // a bin is one value: its name stands below its middle
      along.tickvals = single ? shown : shown.map((b) => b - 0.5);
      along.ticktext = shown.map((b) => column.starts[b]);
      along.tickangle = 0;
    } else {
      along.tickvals = at;
      along.ticktext = labels.map((text) => safe(clip(text)) + " ");
    }
    const across = { ...axis, rangemode: "tozero", showticklabels: false };
    const bars = (name, values, style) => ({
      type: "bar",
      name,
      [number ? "x" : "y"]: at,
      [number ? "y" : "x"]: values,
      orientation: number ? "v" : "h",
      text: labels.map(safe),
      textposition: "none",
      hovertemplate: "%{text}: %{" + (number ? "y" : "x") + ":.1%}<extra>" + name + "</extra>",
      ...style,
    });
    const traces = [
      bars("all rows", before[j], { marker: { color: "rgba(133,137,143,0.38)" }, width: number ? 1 : 0.86 }),
      bars("with the evidence", before[j], { marker: { color: "#3b7fc9" }, width: number ? 0.62 : 0.46 }),
    ];
    const layout = {
      height: number ? 150 : 34 + 22 * count,
      margin: { l: 8, r: 8, t: 4, b: number ? 24 : 4 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      barmode: "overlay",
      showlegend: false,
      dragmode: false,
      font: { size: 12, family: "system-ui, sans-serif" },
      xaxis: number ? along : across,
      yaxis: number ? across : along,
    };
    return [traces, layout];
  };

  const update = () => {
    const { logEvidence, parts } = model.posterior(evidence);
    const p = Math.exp(logEvidence);
    const rows = p * data.rows;
    const what = [...evidence.keys()].map(said);
    if (!what.length) status.textContent = "Nothing is given: every column as it is in all rows.";
    else if (!parts) status.textContent = "Given " + what.join(", ") + ": no row can be so.";
    else {
      const whole = Math.round(rows);
      const many = whole ? "about " + thousands(whole) + (whole === 1 ? " row" : " rows") : "less than one row";
      status.textContent = "Given " + what.join(", ") + ": " + percent(p) + " of the table, " + many + ".";
    }
    clear.hidden = !what.length;
    cards.forEach(({ card, chart, note, show }, j) => {
      const column = data.columns[j];
      const now = model.distribution(j, evidence);
      show(evidence.get(j));
      card.classList.toggle("asked-for", evidence.has(j));
      if (isNumber(column)) {
        const write = column.date ? day : figure;
        const [all, here] = [model.mean(j, none), evidence.has(j) ? null : model.mean(j, evidence)];
        note.textContent = "mean " + write(all) + (what.length && here !== null ? ", with the evidence " + write(here) : "");
      } else if (now) {
        const best = now.indexOf(Math.max(...now));
        note.textContent = column.labels[best] + " " + percent(now[best]) + (what.length ? ", in all rows " + percent(before[j][best]) : "");
      }
      chart.setAttribute("role", "img");
      chart.setAttribute("aria-label", column.name + ": " + note.textContent);
      if (chart.data) Plotly.restyle(chart, { [isNumber(column) ? "y" : "x"]: [now ?? before[j].map(() => 0)] }, [1]);
    });
    host.dataset.evidence = String(logEvidence);
  };

  const draw = async () => {
    for (const [j, column] of data.columns.entries()) {
      const { chart } = cards[j];
      await plot(chart, ...drawing(column, j));
      chart.on("plotly_click", ({ points }) => click(j, points[0].pointNumber));
    }
    update();
  };
  return draw();
};
