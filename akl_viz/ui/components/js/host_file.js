// Opened as a file: nobody listens, everything else is the same.

new Inspector(document.querySelector(".akl"), JSON.parse(document.getElementById("trace").textContent), () => {}, {});
