import { queryOptions } from "@tanstack/react-query";
import { get } from "../api/http";
import type { Me } from "../api/types";

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: () => get<Me>("/me") });
