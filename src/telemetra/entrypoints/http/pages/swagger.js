"use strict";

const target = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: target,
  url: target.dataset.document,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // The badge would be fetched from a validator on the internet.
  validatorUrl: null,
});
