import { type QueryClient, useQueryErrorResetBoundary } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  type RouterHistory,
  useRouter,
} from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useSyncExternalStore } from "react";
import { state } from "./api/http";
import { proofs } from "./auth/proofs";
import { infoQuery } from "./auth/session";
import { reports } from "./report/reports";
import { Frame, Narrow } from "./routes/frames";
import { NotFound } from "./routes/not-found";
import { Announcements } from "./ui/announce";
import { Stage } from "./ui/page";
import { Problem } from "./ui/problem";
import { Loading } from "./ui/spinner";

type Context = { client: QueryClient };

/** The words of an address that a page reads; anything but a short text is as good as none. */
const words =
  <K extends string>(...names: K[]) =>
  (search: Record<string, unknown>): { [name in K]?: string } => {
    const given = names.filter(
      (name) => typeof search[name] === "string" && String(search[name]).length <= 2000,
    );
    return Object.fromEntries(given.map((name) => [name, String(search[name])])) as { [name in K]?: string };
  };

const Asking = lazy(() => import("./auth/step-up"));

/** The dialog that gets a proof for a call; loaded when one is wanted for the first time. */
function StepUp() {
  const question = useSyncExternalStore(proofs.subscribe, proofs.question);
  return question && <Suspense>{<Asking question={question} />}</Suspense>;
}

const root = createRootRouteWithContext<Context>()({
  component: () => (
    <>
      <Outlet />
      <StepUp />
      <Announcements />
    </>
  ),
  notFoundComponent: () => (
    <Narrow>
      <NotFound />
    </Narrow>
  ),
});

const narrow = createRoute({ getParentRoute: () => root, id: "narrow", component: () => <Narrow /> });

const login = createRoute({
  getParentRoute: () => narrow,
  path: "/login",
  validateSearch: words("returnTo"),
  component: lazyRouteComponent(() => import("./routes/login"), "Login"),
});
const authError = createRoute({
  getParentRoute: () => narrow,
  path: "/auth/error",
  validateSearch: words("code", "request_id"),
  component: lazyRouteComponent(() => import("./routes/auth/error"), "AuthError"),
});
const challenge = createRoute({
  getParentRoute: () => narrow,
  path: "/auth/mfa/challenge",
  validateSearch: words("redirect"),
  component: lazyRouteComponent(() => import("./routes/auth/challenge"), "Challenge"),
});
const welcome = createRoute({
  getParentRoute: () => narrow,
  path: "/welcome",
  component: lazyRouteComponent(() => import("./routes/welcome"), "Welcome"),
});

/** Pages for somebody: opened only when the gateway has said who it is. */
const person = createRoute({
  getParentRoute: () => root,
  id: "person",
  beforeLoad: ({ context }) => context.client.ensureQueryData(infoQuery),
  errorComponent: Failed,
  pendingComponent: () => (
    <div className="grid min-h-dvh place-items-center">
      <Loading what="the console" />
    </div>
  ),
});
const confirming = createRoute({
  getParentRoute: () => person,
  id: "confirming",
  component: () => <Narrow />,
});
const cliConfirm = createRoute({
  getParentRoute: () => confirming,
  path: "/cli/confirm",
  validateSearch: words("request"),
  component: lazyRouteComponent(() => import("./routes/cli/confirm"), "CliConfirm"),
});
const device = createRoute({
  getParentRoute: () => confirming,
  path: "/device",
  validateSearch: words("user_code"),
  component: lazyRouteComponent(() => import("./routes/device"), "Device"),
});
const frame = createRoute({ getParentRoute: () => person, id: "frame", component: Frame });
const home = createRoute({
  getParentRoute: () => frame,
  path: "/",
  component: lazyRouteComponent(() => import("./routes/home"), "Home"),
});
const security = createRoute({
  getParentRoute: () => frame,
  path: "/account/security",
  component: lazyRouteComponent(() => import("./routes/account/security"), "Security"),
});

const tree = root.addChildren([
  narrow.addChildren([login, authError, challenge, welcome]),
  person.addChildren([confirming.addChildren([cliConfirm, device]), frame.addChildren([home, security])]),
]);

export function makeRouter(client: QueryClient, history?: RouterHistory) {
  const router = createRouter({
    routeTree: tree,
    ...(history && { history }),
    basepath: "/app",
    context: { client },
    defaultErrorComponent: Failed,
    scrollRestoration: false,
    trailingSlash: "never",
    // A search parameter is a text and nothing else, so that a code such as 123456 stays one.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const given = Object.entries(search).filter(([, value]) => typeof value === "string") as [
        string,
        string,
      ][];
      return given.length ? `?${new URLSearchParams(given)}` : "";
    },
  });
  state.signedOut = () => {
    const { pathname, searchStr } = router.latestLocation;
    if (["/login", "/auth/error", "/welcome"].includes(pathname)) return;
    client.clear();
    const search = pathname === "/" ? {} : { returnTo: `/app${pathname}${searchStr}` };
    void router.navigate({ to: "/login", search, replace: true });
  };
  state.enrolmentDue = () => {
    if (router.state.location.pathname !== "/account/security")
      void router.navigate({ to: "/account/security" });
  };
  return router;
}

function Failed({ error }: { error: unknown }) {
  const router = useRouter();
  const { reset } = useQueryErrorResetBoundary();
  useEffect(() => reports.tell({ error, handled: true }), [error]);
  return (
    <Narrow>
      <Stage title="This page could not be shown">
        <Problem
          error={error}
          retry={() => {
            reset();
            void router.invalidate();
          }}
        />
      </Stage>
    </Narrow>
  );
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
