export { createAddressCheck, refuseForbiddenLiteral } from './address-check.ts';
export {
  createGuardedClient,
  type GuardedClient,
  type GuardedRequest,
  type GuardedResponse,
} from './guarded-client.ts';
export { findFingerprints, SshTunnel } from './ssh-tunnel.ts';
