// Light or dark: as the system has it, until the person chooses here. Runs before anything is painted.

const KEY = "erato-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = () => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
};
const choose = (theme) => {
  try {
    theme ? localStorage.setItem(KEY, theme) : localStorage.removeItem(KEY);
  } catch {
    /* for now only */
  }
};

export const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

function use(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  dispatchEvent(new Event("theme")); // for what is painted by scripts
}

// The other one; what the system has is remembered as no choice.
export function switchTheme() {
  const next = isDark() ? "light" : "dark";
  const same = next === (system.matches ? "dark" : "light");
  choose(same ? null : next);
  use(same ? null : next);
}

system.addEventListener("change", () => dispatchEvent(new Event("theme")));
addEventListener("storage", (event) => {
  if (event.key === KEY) use(event.newValue);
});
use(chosen());
