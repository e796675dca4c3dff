// How long the record on the page has been open, as a line that fills and changes colour. It only shows: nothing
// is submitted, and the time that goldloop keeps is Label Studio's own. The page says in --gl-pace how many
// seconds a quick review takes; pages without .gl-pace, such as full reviews, have no line.
(() => {
  if (window.goldloopTimer) return; // pages are exchanged without loading the window anew
  window.goldloopTimer = true;

  let task = "";
  let since = 0;
  const colours = ["#6f9f6f", "#d9a441", "#c8443a"]; // below two thirds, until full, over

  const show = () => {
    const line = document.querySelector(".gl-pace");
    const page = line?.closest(".gl");
    const pace = page ? Number(getComputedStyle(page).getPropertyValue("--gl-pace")) : 0;
    if (!(pace > 0)) return;
    const shown = document.querySelector(".lsf-current-task__task-id")?.textContent ?? "";
    if (shown !== task) [task, since] = [shown, performance.now()];
    const share = (performance.now() - since) / 1000 / pace;
    const colour = colours[share < 2 / 3 ? 0 : share < 1 ? 1 : 2];
    const filled = `${Math.min(100, 100 * share).toFixed(1)}%`;
    line.style.background = `linear-gradient(90deg, ${colour} ${filled}, rgba(128, 128, 128, 0.25) ${filled})`;
  };

  setInterval(show, 500);
})();
