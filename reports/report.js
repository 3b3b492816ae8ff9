// Code switch, table of contents, and figures that are drawn when they come into view.
(function () {
  const folded = document.querySelectorAll("details.code:not([data-always])");
  const codeSwitch = document.getElementById("code-switch");
  if (codeSwitch) codeSwitch.addEventListener("click", () => {
    const show = codeSwitch.getAttribute("aria-pressed") !== "true";
    codeSwitch.setAttribute("aria-pressed", String(show));
    codeSwitch.textContent = show ? "Hide code" : "Show code";
    for (const cell of folded) cell.open = show;
  });

  const contents = document.querySelector(".contents details");
  const wide = window.matchMedia("(min-width: 96rem)");
  const unfold = () => { if (contents) contents.open = wide.matches; };
  unfold();
  wide.addEventListener("change", unfold);
  // Folded out, the contents cover the page: going somewhere folds them again.
  if (contents) contents.addEventListener("click", (event) => { if (event.target.closest("a")) unfold(); });

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--figure").trim();
    return { "font.color": ink, "title.font.color": ink };
  };
  const drawn = new Map();
  const draw = (box) => {
    if (drawn.has(box.id)) return drawn.get(box.id);
    const source = document.querySelector(`script[data-figure="${CSS.escape(box.id)}"]`);
    const figure = JSON.parse(source.textContent);
    const layout = Object.assign({}, figure.layout, { autosize: true });
    delete layout.width;
    const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
    const ready = Plotly.newPlot(box, figure.data, layout, config)
      .then(() => (figure.frames ? Plotly.addFrames(box, figure.frames) : null))
      .then(() => Plotly.relayout(box, colours()))
      .then(() => box.setAttribute("data-drawn", ""));
    drawn.set(box.id, ready);
    return ready;
  };
  const boxes = document.querySelectorAll(".canvas");
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px" });
  for (const box of boxes) watcher.observe(box);
  window.addEventListener("beforeprint", () => boxes.forEach(draw));
  document.addEventListener("themechange", () => {
    for (const name of drawn.keys()) Plotly.relayout(name, colours());
  });

  const links = new Map();
  for (const link of document.querySelectorAll(".contents a")) links.set(link.hash.slice(1), link);
  const spy = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting || !links.has(entry.target.id)) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "location");
    }
  }, { rootMargin: "0px 0px -70% 0px" });
  for (const heading of document.querySelectorAll("main h2, main h3")) spy.observe(heading);
})();
