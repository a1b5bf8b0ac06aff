import { expect, it } from "vitest";
import { rolesBelow } from "./create";

const held = (...roles: string[]) => roles.map((role) => ({ role, target: "*", expires_at: null }));

it("offers what one may hand on, strongest first", () => {
  expect(rolesBelow(held("ops"))).toEqual(["ops", "viewer"]);
  expect(rolesBelow(held("admin"))).toEqual(["admin", "deployer", "ops", "viewer", "cicd"]);
  expect(rolesBelow(held("viewer", "ops", "auditor"))).toEqual(["ops", "viewer", "auditor"]);
  expect(rolesBelow([])).toEqual([]);
});
