/** Something that is told to a person in words that were written for them. */
export class Told extends Error {
  override name = "Told";
}

/** A refusal of the gateway, or its silence. The sentence is the gateway's own and safe to show as text. */
export class ApiError extends Told {
  override name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null = null,
    readonly field: string | null = null,
  ) {
    super(message);
  }

  /** The person closed the dialog that asked for a proof. */
  static cancelled(): ApiError {
    return new ApiError(401, "cancelled", "Nothing was changed.");
  }

  static unreachable(): ApiError {
    return new ApiError(
      0,
      "unreachable",
      "The gateway does not answer. Check your connection and try again.",
    );
  }

  static async of(response: Response): Promise<ApiError> {
    const id = response.headers.get("x-request-id");
    const body: unknown = await response.json().catch(() => null);
    const text = (key: string): string | null => {
      const value = (body as Record<string, unknown> | null)?.[key];
      return typeof value === "string" && value !== "" ? value : null;
    };
    const sentence =
      text("message") ?? text("error") ?? `The gateway answered with status ${response.status}.`;
    return new ApiError(
      response.status,
      text("code") ?? "unknown",
      sentence,
      text("request_id") ?? id,
      text("field"),
    );
  }
}

const MISTAKE =
  "Something went wrong in this page. Load it again; if that does not help, tell an administrator.";

/** The sentence to show for anything that was thrown. What a machine says to programmers is not shown. */
export function sentence(error: unknown): string {
  const text = error instanceof Told ? error.message : MISTAKE;
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}
