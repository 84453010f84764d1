// A zip is dropped anywhere on a page that has a place for it (data-drop), or chosen in its input.

const MOST = 50 * 1024 * 1024;

export function begin() {
  document.addEventListener("dragover", (event) => {
    const place = placeOf(event);
    if (!place) return;
    event.preventDefault();
    place.dataset.over = "";
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) leave();
  });
  document.addEventListener("drop", (event) => {
    const place = placeOf(event);
    if (!place) return;
    event.preventDefault();
    leave();
    take(place.querySelector("[data-zip]"), event.dataTransfer.files);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-zip]")) chosen(event.target);
  });
}

function placeOf(event) {
  if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return null;
  return event.target.closest?.("[data-drop]") ?? document.querySelector("[data-drop]");
}

function leave() {
  for (const place of document.querySelectorAll("[data-over]")) delete place.dataset.over;
}

function take(input, files) {
  const one = new DataTransfer();
  if (files.length) one.items.add(files[0]);
  input.files = one.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  input.closest("form").querySelector("button.main").focus();
}

function chosen(input) {
  const [file] = input.files;
  input.setCustomValidity(file && file.size > MOST ? "The zip is over 50 MB." : "");
  const name = input.form.querySelector("[data-name]");
  if (file && name && !name.value) {
    name.value = file.name.replace(/\.zip$/i, "").replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 64);
  }
}
