import { useState } from "react";

const THEMES = { system: "System", light: "Light", dark: "Dark", contrast: "High contrast" };

function current(): string {
  return document.documentElement.dataset.theme ?? "system";
}

function choose(theme: string): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Then it lasts as long as the page.
  }
}

export function ThemeChoice() {
  const [theme, setTheme] = useState(current);
  return (
    <label className="flex items-center justify-between gap-2 text-[0.8125rem] text-soft">
      Appearance
      <select
        value={theme}
        onChange={(event) => {
          choose(event.target.value);
          setTheme(event.target.value);
        }}
        className="h-8 rounded-md border border-line bg-panel px-1.5 text-ink"
      >
        {Object.entries(THEMES).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
