export { type AddressCheckOptions, createAddressCheck } from './address-check.ts';
