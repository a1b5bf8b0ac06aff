import { Link } from "@tanstack/react-router";
import { buttonStyle } from "../ui/button";
import { Stage } from "../ui/page";

export function NotFound() {
  return (
    <Stage title="There is no such page" about="The address may be mistyped, or the page may have moved.">
      <Link to="/" className={buttonStyle("primary", "large")}>
        Go home
      </Link>
    </Stage>
  );
}
