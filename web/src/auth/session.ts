import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { get, state } from "../api/http";
import type { Info } from "../api/types";
import { reports } from "../report/reports";

/** Who is logged in. Every page inside the frame is opened with it at hand. */
export const infoQuery = queryOptions({
  queryKey: ["info"],
  queryFn: async () => {
    const info = await get<Info>("/info");
    state.csrf = info.csrf_token;
    reports.learn(info.sentry);
    return info;
  },
  staleTime: 60_000,
});

export const useInfo = (): Info => useSuspenseQuery(infoQuery).data;
