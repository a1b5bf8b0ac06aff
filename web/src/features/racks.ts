import { queryOptions } from "@tanstack/react-query";
import { get } from "../api/http";
import type { Rack } from "../api/types";

export const racksQuery = queryOptions({ queryKey: ["racks"], queryFn: () => get<Rack[]>("/racks") });

/** What to paste into a terminal so that the stock convox command line talks to a rack through this gateway. */
export function cliLines(rack: Rack, token: string): string {
  const path = rack.default ? "/api/v1/rack-proxy" : rack.path;
  return `export RACK_URL=${location.protocol}//convox:${token}@${location.host}${path}\nconvox apps`;
}
