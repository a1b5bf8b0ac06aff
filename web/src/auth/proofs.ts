import { ApiError } from "../api/error";

/** How much the gateway wants to see: a proof within the last minutes, or one made for this very call. */
export type Level = "step_up" | "always";

/** Something that only the person has, in the form that goes with a call. */
export type Proof = { kind: "totp"; code: string } | { kind: "webauthn"; value: string };

type Question = { level: Level; problem: string | null; busy: boolean };

export type Pending = Question & { answer: (proof: Proof | null) => Promise<void>; cancel: () => void };

/**
 * Stands between the calls, which need a proof, and the dialog, which gets one. One question at a time: calls that
 * come meanwhile wait for their turn.
 */
export class Proofs {
  #pending: Pending | null = null;
  #listeners = new Set<() => void>();
  #turn: Promise<unknown> = Promise.resolve();

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  question = (): Pending | null => this.#pending;

  /**
   * Asks, and calls `replay` with what was shown: the proof for `always`; null for `step_up`, where the session itself
   * has become stronger. A proof that does not convince is asked for again.
   */
  during<T>(level: Level, replay: (proof: Proof | null) => Promise<T>): Promise<T> {
    const mine = this.#turn.then(() => this.#ask(level, replay));
    this.#turn = mine.catch(() => {});
    return mine;
  }

  #ask<T>(level: Level, replay: (proof: Proof | null) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.#show(null);
        reject(ApiError.cancelled());
      };
      const answer = async (proof: Proof | null) => {
        this.#show({ level, problem: null, busy: true, answer, cancel });
        try {
          const result = await replay(proof);
          this.#show(null);
          resolve(result);
        } catch (error) {
          if (isUnconvinced(error)) {
            this.#show({ level, problem: error.message, busy: false, answer, cancel });
            return;
          }
          this.#show(null);
          reject(error);
        }
      };
      this.#show({ level, problem: null, busy: false, answer, cancel });
    });
  }

  #show(pending: Pending | null): void {
    this.#pending = pending;
    for (const listener of this.#listeners) listener();
  }
}

function isUnconvinced(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 401 && error.code.startsWith("mfa_");
}

export const proofs = new Proofs();
