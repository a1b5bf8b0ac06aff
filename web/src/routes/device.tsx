import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../ui/button";
import { Input } from "../ui/field";
import { Stage } from "../ui/page";
import { Decide } from "./cli/decide";

export function Device() {
  const { user_code: given } = useSearch({ from: "/person/confirming/device" });
  const [typed, setTyped] = useState(given ?? "");
  const [code, setCode] = useState<string | null>(given ?? null);
  if (code) return <Decide id={code} onBack={() => setCode(null)} />;
  return (
    <Stage title="Connect a device" about="Type the code that your terminal shows.">
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim()) setCode(tidy(typed));
        }}
      >
        <Input
          label="Code"
          mono
          required
          maxLength={20}
          autoCapitalize="characters"
          placeholder="XXXX-XXXX"
          value={typed}
          onChange={(event) => setTyped(event.target.value.toUpperCase())}
        />
        <Button type="submit" kind="primary" size="large">
          Go on
        </Button>
      </form>
    </Stage>
  );
}

/** People leave the dash out, or put spaces in. */
function tidy(code: string): string {
  const letters = code.toUpperCase().replace(/[^A-Z0-9]/g, "");
  return letters.length === 8 ? `${letters.slice(0, 4)}-${letters.slice(4)}` : letters;
}
