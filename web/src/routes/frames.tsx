import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { House, LogOut, Menu, MonitorSmartphone, ShieldCheck } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { sentence } from "../api/error";
import { post } from "../api/http";
import { useInfo } from "../auth/session";
import { announce } from "../ui/announce";
import { Brand } from "../ui/brand";
import { ThemeChoice } from "../ui/theme";

const MAIN = "main";

function SkipLink() {
  return (
    <a
      href={`#${MAIN}`}
      className="sr-only z-50 rounded-lg bg-panel px-4 py-2 font-medium shadow-float focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
    >
      Skip to the content
    </a>
  );
}

/** For those who are not logged in, and for pages with one thing to do. */
export function Narrow({ children }: { children?: ReactNode }) {
  return (
    <div className="grid min-h-dvh grid-rows-[1fr_auto] bg-page">
      <SkipLink />
      <div className="mx-auto flex w-full max-w-[27.5rem] flex-col justify-center gap-6 px-4 py-10">
        <header className="flex justify-center">
          <Brand />
        </header>
        <main id={MAIN} tabIndex={-1}>
          {children ?? <Outlet />}
        </main>
      </div>
      <footer className="mx-auto w-full max-w-[27.5rem] px-4 pb-6">
        <div className="flex justify-center">
          <ThemeChoice />
        </div>
      </footer>
    </div>
  );
}

/** For those who are. */
export function Frame() {
  return (
    <div className="min-h-dvh bg-page lg:grid lg:grid-cols-[15.5rem_1fr]">
      <SkipLink />
      <header className="border-b border-line bg-panel lg:sticky lg:top-0 lg:h-dvh lg:border-r lg:border-b-0">
        <Folding>
          <Navigation />
          <Person />
        </Folding>
      </header>
      <main id={MAIN} tabIndex={-1} className="mx-auto w-full max-w-[60rem] px-4 py-7 sm:px-8 sm:py-9">
        <Outlet />
      </main>
    </div>
  );
}

/** Beside the content where there is room, and behind a button above it where there is not. */
function Folding({ children }: { children: ReactNode }) {
  const details = useRef<HTMLDetailsElement>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: it folds when the page changes
  useEffect(() => {
    if (details.current) details.current.open = false;
  }, [path]);
  return (
    <>
      <div className="hidden h-full flex-col gap-6 p-4 lg:flex">
        <Link to="/" className="rounded-lg p-1">
          <Brand />
        </Link>
        {children}
      </div>
      <details ref={details} className="lg:hidden">
        <summary className="flex list-none items-center justify-between px-4 py-3 [&::-webkit-details-marker]:hidden">
          <Brand />
          <span className="grid size-9 place-items-center rounded-lg border border-line">
            <Menu aria-hidden="true" className="size-5" />
            <span className="sr-only">Menu</span>
          </span>
        </summary>
        <div className="grid gap-4 border-t border-line p-4">{children}</div>
      </details>
    </>
  );
}

const LINKS = [
  { to: "/", name: "Home", icon: House },
  { to: "/account/security", name: "Security", icon: ShieldCheck },
  { to: "/device", name: "Connect a device", icon: MonitorSmartphone },
] as const;

function Navigation() {
  return (
    <nav aria-label="Main" className="flex-1">
      <ul className="grid gap-1">
        {LINKS.map(({ to, name, icon: Icon }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === "/" }}
              activeProps={{ className: "bg-accent-wash text-accent-strong", "aria-current": "page" }}
              inactiveProps={{ className: "text-soft hover:bg-sunken hover:text-ink" }}
              className="flex items-center gap-3 rounded-lg px-3 py-2 text-sm font-medium transition-colors"
            >
              <Icon aria-hidden="true" className="size-[1.1rem]" />
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Person() {
  const { user, version } = useInfo();
  const client = useQueryClient();
  const logout = useMutation({
    mutationFn: () => post("/auth/web/logout"),
    onSuccess: () => {
      client.clear();
      location.assign("/app/login");
    },
    onError: (error) => announce(sentence(error), "bad"),
  });
  return (
    <div className="grid gap-3 border-t border-line pt-4">
      <div className="min-w-0 px-1">
        <p className="truncate text-sm font-semibold">{user.name || user.email}</p>
        {user.name && (
          <p className="truncate text-[0.8125rem] text-soft" title={user.email}>
            {user.email}
          </p>
        )}
      </div>
      <button
        type="button"
        disabled={logout.isPending}
        onClick={() => logout.mutate()}
        className="flex items-center gap-3 rounded-lg px-1 py-1.5 text-sm font-medium text-soft hover:text-ink"
      >
        <LogOut aria-hidden="true" className="size-[1.1rem]" />
        Sign out
      </button>
      <div className="grid gap-2 px-1">
        <ThemeChoice />
        <p className="text-xs text-soft">Version {version.version}</p>
      </div>
    </div>
  );
}
