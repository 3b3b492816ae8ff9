// The reader's choice of theme, else the system's; runs before anything is painted.
(function () {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("posekit-theme"); } catch { /* file:// may refuse storage */ }
  const apply = () => {
    root.dataset.theme = chosen || (dark.matches ? "dark" : "light");
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  dark.addEventListener("change", apply);
  window.toggleTheme = function () {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("posekit-theme", chosen); } catch { /* lasts for this page only */ }
    apply();
  };
})();
