export { createAddressCheck } from './address-check.ts';
