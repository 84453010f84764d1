// The list of runs: one box ticks all that can be ticked.

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (!all) return;
  for (const each of all.form.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`)) {
    each.checked = all.checked;
  }
});
