// What Label Studio lets annotators do with the mouse only, on the labelling page, by key: the left and right
// arrow go back to what was answered before and forth again, and a warning is closed by Enter or by choosing
// a label. Left to itself, Label Studio puts one warning on top of the other with every Enter.
(() => {
  if (window.goldloopKeys) return; // pages are exchanged without loading the window anew
  window.goldloopKeys = true;

  const steps = { ArrowLeft: "Previous task", ArrowRight: "Next task" }; // past the newest one it says "Postpone"
  const warnings = () =>
    [...document.querySelectorAll(".ant-modal-confirm .ant-btn-primary")].filter(
      (button) => !button.closest(".zoom-leave, .ant-zoom-leave"),
    );
  const isTyping = ({ tagName, type }) =>
    tagName === "TEXTAREA" || (tagName === "INPUT" && type !== "radio" && type !== "checkbox");

  const pressed = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return false;
    const shown = warnings();
    for (const button of shown) button.click();
    if (event.key === "Enter" && shown.length) return true;
    const step = document.querySelector(`button[aria-label="${steps[event.key]}"]:enabled`);
    step?.click();
    return Boolean(step);
  };

  window.addEventListener(
    "keydown",
    (event) => {
      if (!pressed(event)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
})();
