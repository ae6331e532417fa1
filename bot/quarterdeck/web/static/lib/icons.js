/* Draw our own small icons: 24 x 24, one stroke. */
const PATHS = {
  helm: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14M12 1.5v21M1.5 12h21M4.6 4.6l14.8 14.8M19.4 4.6 4.6 19.4",
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14m5 12 4.5 4.5",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  slash: "M15.5 5l-7 14M4 4h16v16H4z",
  clip: "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.6-8.6a3.4 3.4 0 0 1 4.8 4.8l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.6-7.6",
  up: "M12 19V5m-6 6 6-6 6 6",
  down: "M12 5v14m-6-6 6 6 6-6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  done: "M5 12.5l4.5 4.5L19 7.5",
  pen: "M4 20l1-4L16.5 4.5l3 3L8 19z",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  key: "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8m3 1.2L19.5 4M16 7.5l2.5 2.5",
  keys: "M3 6h18v12H3zM7 10h.1M11 10h.1M15 10h.1M7 14h10",
  leave: "M14 4H5v16h9M10 12h11m-4-4 4 4-4 4",
  again: "M19 12a7 7 0 1 1-2-5l2 2m0-5v5h-5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11",
};

const SVG = "http://www.w3.org/2000/svg";

/** Return the icon of this name; it is decoration, so its button carries the words. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Put icons where the page's own HTML asks for them with `data-icon`. */
export function drawIcons(root = document) {
  for (const place of root.querySelectorAll("[data-icon]:empty")) place.append(icon(place.dataset.icon));
}
