"use strict";
(() => {
  const root = document.documentElement;
  const bytes = (id) => {
    // base 85 in the order of RFC 1924, with three characters changed; five characters are four bytes, big end first
    const order = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%:()*+-;,=.?@^_`{|}~";
    const digit = new Uint8Array(128);
    for (let i = 0; i < 85; i++) digit[order.charCodeAt(i)] = i;
    const element = document.getElementById(id);
    const text = element.textContent.trim();
    const out = new Uint8Array((text.length / 5) * 4);
    for (let i = 0, o = 0; i < text.length; i += 5, o += 4) {
      let v = 0;
      for (let j = 0; j < 5; j++) v = v * 85 + digit[text.charCodeAt(i + j)];
      out[o] = v >>> 24;
      out[o + 1] = v >>> 16;
      out[o + 2] = v >>> 8;
      out[o + 3] = v;
    }
    return out.subarray(0, Number(element.dataset.bytes));
  };
  const unpack = async (id) => {
    const stream = new Blob([bytes(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const inks = () => {
    const style = getComputedStyle(root);
    const ink = (name) => style.getPropertyValue(name).trim();
    return { text: ink("--text"), soft: ink("--soft"), line: ink("--line"), card: ink("--card") };
  };
  const coloured = (layout) => {
    const ink = inks();
    const out = { "font.color": ink.soft, "legend.font.color": ink.text, "hoverlabel.font.color": ink.text };
    Object.assign(out, { "hoverlabel.bgcolor": ink.card, "hoverlabel.bordercolor": ink.line });
    for (const key of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      Object.assign(out, { [key + ".gridcolor"]: ink.line, [key + ".zerolinecolor"]: ink.line });
      Object.assign(out, { [key + ".tickfont.color"]: ink.soft, [key + ".title.font.color"]: ink.soft });
    }
    return out;
  };
  const paint = (layout) => {
    for (const [path, value] of Object.entries(coloured(layout))) {
      const keys = path.split(".");
      const last = keys.pop();
      let at = layout;
      for (const key of keys) at = at[key] ??= {};
      at[last] = value;
    }
    return layout;
  };
  const drawn = [];
  const recolour = () => drawn.forEach((div) => Plotly.relayout(div, coloured(div.layout)));

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    button.textContent = isDark() ? "Light" : "Dark";
  };
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
    recolour();
  });
  dark.addEventListener("change", () => {
    label();
    recolour();
  });
  const PAPER = 690; // pixels of text on a printed page
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => (d.open = true));
    const share = Math.min(1, PAPER / document.getElementById("main").clientWidth);
    for (const div of drawn) Plotly.relayout(div, { width: Math.floor(div.clientWidth * share) });
  });
  addEventListener("afterprint", () => drawn.forEach((div) => Plotly.relayout(div, { width: null, autosize: true })));

  const draw = async () => {
    const [script, figures] = await Promise.all([unpack("plotly"), unpack("figures").then(JSON.parse)]);
    const run = document.createElement("script");
    run.textContent = script;
    document.head.append(run);
    const narrow = matchMedia("(max-width: 600px)").matches;
    const config = { responsive: true, displaylogo: false, scrollZoom: false, displayModeBar: narrow ? false : "hover" };
    config.modeBarButtonsToRemove = ["lasso2d", "select2d", "autoScale2d"];
    const plot = async (div, data, layout) => {
      const zooms = div.dataset.figure === "map" && !narrow; // elsewhere a drag scrolls the page
      const own = zooms ? config : { ...config, displayModeBar: false };
      div.textContent = "";
      await Plotly.newPlot(div, data, paint(zooms ? layout : { ...layout, dragmode: false }), own);
      drawn.push(div);
      await new Promise((next) => setTimeout(next));
    };
    for (const div of document.querySelectorAll("[data-figure]")) {
      const { data, layout } = figures[div.dataset.figure];
      if (narrow && data.length > 3 && layout.legend) {
        layout.height += 19 * data.length; // names below the figure, one a line
        Object.assign(layout.legend, { y: -60 / (layout.height - 19 * data.length), yanchor: "top" });
      }
      await plot(div, data, layout);
    }
    const host = document.getElementById("ask-here");
    if (host) await conditional(host, figures.conditional, plot);
    root.dataset.figures = "drawn";
  };
  draw().catch((error) => {
    root.dataset.figures = "failed";
    console.warn("The figures could not be drawn: " + error.message);
  });
})();
