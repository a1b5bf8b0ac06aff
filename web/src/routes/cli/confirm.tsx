import { useSearch } from "@tanstack/react-router";
import { Stage } from "../../ui/page";
import { Decide } from "./decide";

export function CliConfirm() {
  const { request } = useSearch({ from: "/person/confirming/cli/confirm" });
  if (!request) {
    return (
      <Stage title="There is no such request" about="The link is not whole. Start again in your terminal." />
    );
  }
  return <Decide id={request} />;
}
