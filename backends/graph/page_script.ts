/** What a page does; it runs in the browser alone. */

/** A node as a page has it: what is not there is left out. */
export interface PageNode {
  readonly name: string;
  readonly fn: string;
  readonly box: number;
  /** What there is to tell, as labels and texts. */
  readonly facts?: readonly (readonly [label: string, text: string])[];
  readonly args?: readonly string[];
  /** The nodes read, and which parts. */
  readonly reads?: readonly (readonly [node: number, items: string])[];
  /** Of a collapsed group. */
  readonly members?: readonly string[];
}

/** What a page knows. */
export interface PageData {
  readonly nodes: readonly PageNode[];
  /** Of each box that holds several nodes, its name and what there is to tell. */
  readonly boxes: Readonly<
    Record<
      number,
      { readonly name: string; readonly facts: readonly (readonly [string, string])[] }
    >
  >;
}

/**
 * Brings a page to life.
 *
 * Its text goes into pages, so it uses nothing from outside of itself; and texts of the user's get into the document only
 * as texts.
 */
export function runPage(): void {
  // deno-lint-ignore no-explicit-any
  const { document, svgPanZoom, addEventListener } = globalThis as any;
  // deno-lint-ignore no-explicit-any
  type Element = any;
  const MOST_RESULTS = 60;
  const MOST_MEMBERS = 300;
  const LARGEST = 1.25;
  // A picture that would be too small to be read opens larger, where it begins.
  const LEAST_READABLE = 0.5;
  const OPENING = 0.75;
  const MARGIN = 24;
  const find = (selector: string): Element => document.querySelector(selector);
  const data: PageData = JSON.parse(find("#data").textContent);
  const [svg, panel, input, found, results] = ["#picture", "aside", "#search", "#found", "#results"]
    .map(find);
  const boxes: Element[] = [];
  for (const box of document.querySelectorAll(".ff-node")) boxes[Number(box.dataset.box)] = box;
  const links: Element[] = [...document.querySelectorAll(".ff-link")];
  const members: number[][] = boxes.map(() => []);
  data.nodes.forEach(({ box }, i) => members[box].push(i));
  const readBy: [number, string][][] = data.nodes.map(() => []);
  data.nodes.forEach(({ reads = [] }, i) => {
    for (const [from, items] of reads) readBy[from].push([i, items]);
  });

  const view = svgPanZoom(svg, {
    minZoom: 0.02,
    maxZoom: 60,
    zoomScaleSensitivity: 0.25,
    dblClickZoomEnabled: false,
  });
  const fit = () => {
    view.resize().fit().center();
    // With some room around it; and a small picture stays a small picture.
    const { realZoom } = view.getSizes();
    view.zoom(view.getZoom() * Math.min(0.95, LARGEST / realZoom)).center();
  };

  /** Where the middle of a box is in the picture. What was moved just now is only drawn with the next frame. */
  function middleOf(box: number): { readonly left: number; readonly top: number } {
    const { left, top, width, height } = boxes[box].getBoundingClientRect();
    const { a, e, f } = find(".svg-pan-zoom_viewport").getScreenCTM();
    return { left: (left + width / 2 - e) / a, top: (top + height / 2 - f) / a };
  }

  /** Shows all of it, or what can be read of it: along the arrows the beginning, across them what is around the roots. */
  function begin(): void {
    fit();
    const before = view.getSizes().realZoom;
    if (before >= LEAST_READABLE) return;
    view.zoom(view.getZoom() * OPENING / before).center();
    const { width, height, realZoom, viewBox } = view.getSizes();
    const read = new Set(links.map(({ dataset: { to } }) => Number(to)));
    const roots = [...boxes.keys()].filter((box) => !read.has(box)).map(middleOf);
    const place = (side: "left" | "top", room: number, size: number, isAlong: boolean): number => {
      if (size + 2 * MARGIN <= room) return (room - size) / 2;
      if (isAlong) return MARGIN;
      const middle = roots.reduce((sum, root) => sum + root[side], 0) / roots.length;
      return Math.max(room - MARGIN - size, Math.min(MARGIN, room / 2 - middle * realZoom));
    };
    const isDown = svg.dataset.direction === "down";
    view.pan({
      x: place("left", width, viewBox.width * realZoom, !isDown),
      y: place("top", height, viewBox.height * realZoom, isDown),
    });
  }

  /** Brings a box to the middle, large enough to be read. */
  function show(box: number): void {
    const { left, top } = middleOf(box);
    const before = view.getSizes().realZoom;
    if (before < 0.6) view.zoom(view.getZoom() * 0.9 / before);
    const { width, height, realZoom } = view.getSizes();
    // In what the panel leaves: beside it, or on a narrow screen above it.
    const isBeside = panel.offsetWidth < width / 2;
    const right = panel.hidden || !isBeside ? 0 : panel.offsetWidth + 24;
    const bottom = panel.hidden || isBeside ? 0 : panel.offsetHeight + 24;
    view.pan({
      x: (width - right) / 2 - left * realZoom,
      y: (height - bottom) / 2 - top * realZoom,
    });
  }

  function make(tag: string, text = "", name = ""): Element {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  }

  function choose(box: number | undefined): void {
    boxes.forEach((element, i) => element.classList.toggle("chosen", i === box));
    for (const link of links) {
      const { from, to } = link.dataset;
      link.classList.toggle("near", from === String(box) || to === String(box));
    }
  }

  function openPanel(name: string, under: string): void {
    panel.replaceChildren();
    const close = make("button", "×", "close");
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", closePanel);
    panel.append(make("h2", name, "name"), make("div", under, "muted name"), close);
    panel.hidden = false;
    panel.scrollTop = 0;
  }

  function closePanel(): void {
    if (panel.hidden) return;
    panel.hidden = true;
    const chosen = find(".ff-node.chosen");
    choose(undefined);
    chosen?.focus();
  }

  function addFacts(facts: readonly (readonly [string, string])[]): void {
    if (facts.length === 0) return;
    const list = make("dl");
    for (const [label, text] of facts) list.append(make("dt", label), make("dd", text));
    panel.append(list);
  }

  function addList(title: string, entries: Element[]): void {
    if (entries.length === 0) return;
    const list = make("ul", "", "list");
    for (const entry of entries) {
      const item = make("li");
      item.append(...[entry].flat());
      list.append(item);
    }
    panel.append(make("h3", title), list);
  }

  function nodeButton(node: number): Element {
    const button = make("button", data.nodes[node].name, "name");
    button.addEventListener("click", () => {
      openNode(node);
      show(data.nodes[node].box);
    });
    return button;
  }

  const withItems = ([node, items]: readonly [number, string]): Element => [
    nodeButton(node),
    make("span", items, "muted"),
  ];

  function openNode(node: number): void {
    const { name, fn, box, facts = [], args = [], reads = [], members: inside = [] } =
      data.nodes[node];
    choose(box);
    openPanel(name, fn === name ? "" : fn);
    addFacts(facts);
    addList("Arguments", args.map((arg) => make("code", arg)));
    addList("Reads", reads.map(withItems));
    addList("Read by", firstOf(readBy[node]).map(withItems));
    addList(`${inside.length} nodes in it`, inside.map((name) => make("span", name, "name")));
    if (members[box].length < 2) return;
    const back = make("button", `One of the ${members[box].length.toLocaleString()} in its box`);
    back.addEventListener("click", () => openBox(box));
    addList("Folded", [back]);
  }

  function firstOf<T>(list: readonly T[]): readonly T[] {
    return list.slice(0, MOST_MEMBERS);
  }

  function openBox(box: number): void {
    if (members[box].length === 1) return openNode(members[box][0]);
    const { name, facts } = data.boxes[box];
    choose(box);
    openPanel(name, `${members[box].length.toLocaleString()} nodes`);
    addFacts(facts);
    const entries = firstOf(members[box]).map(nodeButton);
    const rest = members[box].length - entries.length;
    if (rest > 0) {
      entries.push(make("span", `… and ${rest.toLocaleString()} more: search`, "muted"));
    }
    addList("Nodes", entries);
  }

  let matches: number[] = [];
  let current = -1;

  function search(): void {
    const text = input.value.trim().toLowerCase();
    matches = text === "" ? [] : [...data.nodes.keys()].filter((i) => {
      const { name, fn } = data.nodes[i];
      return name.toLowerCase().includes(text) || fn.toLowerCase().includes(text);
    });
    current = -1;
    svg.classList.toggle("searching", text !== "");
    const hit = new Set(matches.map((i) => data.nodes[i].box));
    boxes.forEach((element, i) => element.classList.toggle("found", hit.has(i)));
    found.textContent = text === "" ? "" : `${matches.length.toLocaleString()} found`;
    showResults();
  }

  function showResults(): void {
    results.hidden = false;
    results.replaceChildren(
      ...matches.slice(0, MOST_RESULTS).map((node, at) => {
        const { name, fn } = data.nodes[node];
        const button = make("button");
        button.tabIndex = -1;
        button.append(make("span", name, "name"), make("span", fn === name ? "" : fn, "muted"));
        button.addEventListener("click", () => jump(at));
        const item = make("li");
        item.append(button);
        return item;
      }),
    );
  }

  function jump(at: number): void {
    if (matches.length === 0) return;
    current = (at + matches.length) % matches.length;
    found.textContent = `${(current + 1).toLocaleString()} of ${matches.length.toLocaleString()}`;
    results.hidden = true;
    openNode(matches[current]);
    show(data.nodes[matches[current]].box);
  }

  function leaveSearch(): void {
    input.value = "";
    search();
    input.blur();
  }

  input.addEventListener("input", search);
  input.addEventListener("keydown", (event: Element) => {
    const step =
      { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key as "Enter"];
    if (event.key === "Escape") leaveSearch();
    else if (step) jump(current < 0 && step < 0 ? -1 : current + step);
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  });

  /** The next box in a direction: the first one read, or the first reader; to the sides, the one before or after. */
  function neighbour(box: number, key: string): number | undefined {
    const ends = links.map(({ dataset: { from, to } }) => [Number(from), Number(to)]);
    if (key === "ArrowUp") return ends.find(([from, to]) => to === box && from !== box)?.[0];
    if (key === "ArrowDown") return ends.find(([from, to]) => from === box && to !== box)?.[1];
    const next = box + (key === "ArrowRight" ? 1 : -1);
    return boxes[next] ? next : undefined;
  }

  // Dragging the picture ends with a click on what is under the pointer.
  let pressed = [0, 0];
  svg.addEventListener("pointerdown", ({ clientX, clientY }: Element) => {
    pressed = [clientX, clientY];
  }, true);
  boxes.forEach((element, box) => {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    const [first] = members[box];
    element.setAttribute("aria-label", data.boxes[box]?.name ?? data.nodes[first]?.name ?? "");
    element.addEventListener("click", ({ clientX, clientY }: Element) => {
      if (Math.hypot(clientX - pressed[0], clientY - pressed[1]) >= 5) return;
      openBox(box);
      const [own, over] = [element, panel].map((part) => part.getBoundingClientRect());
      if (own.right > over.left && own.bottom > over.top && own.top < over.bottom) show(box);
    });
    element.addEventListener("keydown", (event: Element) => {
      const next = event.key.startsWith("Arrow") ? neighbour(box, event.key) : undefined;
      if (event.key === "Enter" || event.key === " ") openBox(box);
      else if (next !== undefined) {
        boxes[next].focus({ preventScroll: true });
        show(next);
      } else return;
      event.preventDefault();
    });
  });
  svg.addEventListener("click", (event: Element) => {
    const isFar = Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) >= 5;
    if (!isFar && !event.target.closest(".ff-node")) closePanel();
  });

  const actions: Record<string, () => void> = {
    "+": () => view.zoomIn(),
    "=": () => view.zoomIn(),
    "-": () => view.zoomOut(),
    "0": fit,
    f: fit,
    "/": () => input.focus(),
    Escape: closePanel,
  };
  addEventListener("keydown", (event: Element) => {
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => actions[button.dataset.key]());
  }
  addEventListener("resize", begin);
  begin();
  document.body.dataset.ready = "true";
}
