// What Label Studio lets annotators do with the mouse only, on the labelling page, by key. The left and right
// arrow go back to what was answered before and forth again, and Enter takes back a skip that one went back to.
// N begins a note where no label has that key.
// Enter also closes the instructions and a warning, which choosing a label does as well: left to itself, Label
// Studio submits what is behind the instructions, and puts one warning on top of the other.
(() => {
  if (window.goldloopKeys) return; // pages are exchanged without loading the window anew
  window.goldloopKeys = true;

  const buttons = (css) => [...document.querySelectorAll(`${css}:enabled`)];
  const warnings = () =>
    buttons(".ant-modal-confirm .ant-btn-primary").filter((one) => !one.closest(".zoom-leave, .ant-zoom-leave"));
  const titled = (title) =>
    buttons("button").find((one) => one.ariaLabel === title || one.textContent === title);
  const hasKey = (key) => [...document.querySelectorAll(".lsf-hint")].some((one) => one.textContent === `[${key}]`);
  const note = () => (hasKey("n") ? undefined : document.querySelector(".gl-note input, .gl-note textarea"));
  const meant = {
    ArrowLeft: () => titled("Previous task") ?? titled("Go to Previous Task"),
    ArrowRight: () => titled("Next task"), // past the newest one the button says "Postpone task"
    n: () => note() && { click: () => note().focus() },
    Enter: () => buttons(".lsf-modal-ls_visible .lsf-modal-ls__header button")[0] ?? titled("Cancel skip"),
  };
  const isTyping = ({ tagName, type }) =>
    tagName === "TEXTAREA" || (tagName === "INPUT" && type !== "radio" && type !== "checkbox");

  const isDone = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return false;
    const shown = warnings();
    for (const button of shown) button.click();
    if (event.key === "Enter" && shown.length) return true;
    const button = event.shiftKey ? undefined : meant[event.key]?.();
    button?.click();
    return Boolean(button);
  };

  window.addEventListener(
    "keydown",
    (event) => {
      if (!isDone(event)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
})();
