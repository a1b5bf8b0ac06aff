import {
  BrowserClient,
  type BrowserOptions,
  breadcrumbsIntegration,
  captureException,
  dedupeIntegration,
  defaultStackParser,
  getCurrentScope,
  linkedErrorsIntegration,
  makeFetchTransport,
} from "@sentry/browser";
import type { ReportTo } from "../api/types";
import type { Send } from "./reports";
import { cleanCrumb, cleanEvent } from "./scrub";

/** A page that fails again and again says nothing new. */
const MOST = 20;

/** Begins to remember what happens in the page, and gives what sends reports. */
export function start(
  to: ReportTo,
  transport: NonNullable<BrowserOptions["transport"]> = makeFetchTransport,
): Send {
  const client = new BrowserClient({
    dsn: to.dsn,
    release: to.release,
    environment: to.environment,
    transport,
    transportOptions: { fetchOptions: { referrerPolicy: "no-referrer", credentials: "omit" } },
    stackParser: defaultStackParser,
    integrations: [
      breadcrumbsIntegration({ xhr: false, sentry: false }),
      linkedErrorsIntegration(),
      dedupeIntegration(),
    ],
    maxBreadcrumbs: 30,
    sendClientReports: false,
    // Nothing about the person, and no addresses: what is sent is chosen in `scrub.ts`.
    dataCollection: {
      userInfo: false,
      cookies: false,
      httpHeaders: false,
      httpBodies: [],
      urlQueryParams: false,
      stackFrameVariables: false,
    },
    beforeBreadcrumb: cleanCrumb,
    // An error in here would be reported by itself, without having been cleaned.
    beforeSend: (event) => {
      try {
        return cleanEvent(event);
      } catch {
        return null;
      }
    },
  });
  getCurrentScope().setClient(client);
  client.init();
  let left = MOST;
  return ({ error, handled, stack }) => {
    if (left === 0) return;
    left -= 1;
    captureException(error, {
      mechanism: { type: handled ? "react" : "page", handled },
      captureContext: stack ? { contexts: { react: { componentStack: stack } } } : {},
    });
  };
}
