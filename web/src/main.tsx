import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/error";
import { reports } from "./report/reports";
import { makeRouter } from "./router";
import "./styles.css";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      // A refusal stays one; only silence and overload are worth another try.
      retry: (count, error) =>
        count < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 502),
    },
    mutations: { retry: false },
  },
});

reports.watch(window);

const place = document.getElementById("root");
if (place) {
  const onCaughtError = (error: unknown, { componentStack }: { componentStack?: string | undefined }) => {
    // biome-ignore lint/suspicious/noConsole: React does the same where nobody else listens.
    console.error(error);
    reports.tell({ error, handled: true, stack: componentStack });
  };
  createRoot(place, { onCaughtError }).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={makeRouter(client)} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
