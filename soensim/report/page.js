// The floorplan: an edge that is pointed at or focused shows its ledger; buttons zoom; dragging moves a zoomed die.
(function () {
  const svg = document.getElementById("floorplan-die");
  if (!svg) return;
  const data = JSON.parse(document.getElementById("floorplan-data").textContent);
  const panel = document.getElementById("floorplan-ledger");
  const edges = Array.from(svg.querySelectorAll(".edge"));
  const source = data.edges.map((edge) => edge[0].split(" -> ")[0]);
  let now = 0;

  function show(k) {
    edges[now].setAttribute("tabindex", "-1");
    edges[now].classList.remove("now");
    now = k;
    edges[k].setAttribute("tabindex", "0");
    edges[k].classList.add("now");
    const [name, efficacy, ...figures] = data.edges[k];
    const rows = [["efficacy (Phi_0 per I_c)", efficacy]];
    figures.forEach((value, place) => rows.push([data.labels[place], value]));
    const table = document.createElement("table");
    table.className = "rows";
    for (const [label, value] of rows) {
      const row = table.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = label;
      row.appendChild(head);
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = value;
    }
    const title = document.createElement("h3");
    title.textContent = name;
    panel.replaceChildren(title, table);
  }

  function step(from, by) {
    const k = Math.min(Math.max(from + by, 0), edges.length - 1);
    edges[k].focus({ preventScroll: true });
  }

  function otherSource(k, by) {
    let other = k;
    while (other + by >= 0 && other + by < edges.length && source[other] === source[k]) other += by;
    return other - k;
  }

  edges.forEach((edge, k) => {
    edge.addEventListener("pointerenter", () => show(k));
    edge.addEventListener("focus", () => show(k));
    edge.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, Home: -k, End: edges.length - 1 - k }[event.key];
      if (by !== undefined) step(k, by);
      else if (event.key === "ArrowDown") step(k, otherSource(k, 1));
      else if (event.key === "ArrowUp") step(k, otherSource(k, -1));
      else return;
      event.preventDefault();
    });
  });
  if (edges.length) edges[0].setAttribute("tabindex", "0");

  for (const cell of svg.querySelectorAll(".cell, .port")) {
    const name = cell.querySelector("title").textContent;
    const mark = (on) => edges.forEach((edge, k) => edge.classList.toggle("of", on && source[k] === name));
    cell.addEventListener("pointerenter", () => mark(true));
    cell.addEventListener("pointerleave", () => mark(false));
    cell.addEventListener("click", () => step(Math.max(source.indexOf(name), 0), 0));
  }

  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  let view = whole.slice();
  function look(box) {
    view = box;
    svg.setAttribute("viewBox", box.map((x) => x.toFixed(1)).join(" "));
  }
  document.querySelectorAll("[data-zoom]").forEach((button) =>
    button.addEventListener("click", () => {
      const by = Number(button.dataset.zoom);
      if (by === 0) return look(whole.slice());
      const width = Math.min(Math.max(view[2] * by, whole[2] / 64), whole[2]);
      const height = (width * whole[3]) / whole[2];
      look([view[0] + (view[2] - width) / 2, view[1] + (view[3] - height) / 2, width, height]);
    })
  );
  let held = null;
  svg.addEventListener("pointerdown", (event) => {
    if (view[2] < whole[2]) held = [event.clientX, event.clientY, view[0], view[1]];
  });
  window.addEventListener("pointerup", () => (held = null));
  window.addEventListener("pointermove", (event) => {
    if (!held) return;
    const unit = view[2] / svg.clientWidth;
    look([held[2] - (event.clientX - held[0]) * unit, held[3] - (event.clientY - held[1]) * unit, view[2], view[3]]);
  });
})();
